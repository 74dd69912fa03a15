"""An HTTP server whose answers are bytes that a test writes, and what it received."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from backends.base import RemoteBackend, RemoteBody, RemoteHead, RemoteRequest
from backends.config import RemoteModelConfig, RemoteOptions, Upstream
from backends.registry import adapter

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def answer(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunk(data: bytes) -> bytes:
    """Return *data* as a chunk of a chunked answer."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass
class Received:
    """A request."""

    head: str
    body: bytes
    number: int
    """How many requests came before it on its connection."""


Script = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


async def ok(_: Received, writer: asyncio.StreamWriter) -> None:
    """Answer with 200."""
    writer.write(OK)


def always(content: bytes) -> Script:
    """Return a script that writes *content*."""

    async def script(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(content)

    return script


@dataclass
class Scripted:
    """The server: `script` answers each request; probes and lists are answered by themselves."""

    script: Script = ok
    cards: bytes = b'{"data":[]}'
    lives: bool = True
    """Whether probes are answered."""
    requests: list[Received] = field(default_factory=list)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closes its connection before the end of an answer."""
    port: int = 0
    server: asyncio.Server | None = None
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self.server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End all connections, as a killed process does."""
        assert self.server is not None
        self.server.close()
        for task in self.connections:
            task.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client or the test has ended the connection
        finally:
            self.connections.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while not writer.is_closing():
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(
                (
                    int(line[15:])
                    for line in head.split("\r\n")
                    if line.startswith("content-length")
                ),
                0,
            )
            received = Received(head, await reader.readexactly(length), number)
            number += 1
            path = head.split(" ")[1]
            if path == "/health" and not self.lives:
                await reader.read()
            elif path == "/health":
                writer.write(OK)
            elif path == "/v1/models":
                writer.write(answer(200, self.cards))
            else:
                self.requests.append(received)
                await self._answered(received, reader, writer)

    async def _answered(
        self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        script = asyncio.ensure_future(self.script(received, writer))
        gone = asyncio.ensure_future(reader.read(1))
        await asyncio.wait([script, gone], return_when=asyncio.FIRST_COMPLETED)
        if not script.done():
            script.cancel()
            self.disconnected.set()
            writer.close()
        await script
        gone.cancel()
        await asyncio.wait([gone])


@asynccontextmanager
async def scripted(*scripts: Script) -> AsyncIterator[list[Scripted]]:
    """Run a server for each of *scripts*."""
    servers = [Scripted(script) for script in scripts]
    for server in servers:
        await server.start()
    try:
        yield servers
    finally:
        for server in servers:
            await server.stop()


@asynccontextmanager
async def pooled(
    *servers: Scripted, max_running: int | None = None, **options: object
) -> AsyncIterator[RemoteBackend]:
    """Open a model on *servers*, with a key, tested once; its retries come at once."""
    config = RemoteModelConfig(
        id="m",
        upstreams=tuple(
            Upstream(url=server.url, key="sk-secret", model="theirs", max_running=max_running)
            for server in servers
        ),
        options=RemoteOptions(**{"retry_delay_ms": 0, **options}),  # type: ignore[arg-type]
    )
    async with adapter(config) as backend:
        assert isinstance(backend, RemoteBackend)
        await backend.self_test()
        yield backend


CHAT = RemoteRequest(
    path="/chat/completions",
    headers=((b"authorization", b"Bearer sk-client"), (b"x-stainless-lang", b"python")),
    body=RemoteBody(content=b'{"model":"m"}', size=13, name_start=9, name_end=12, form="json"),
)


async def whole(backend: RemoteBackend, request: RemoteRequest = CHAT) -> tuple[RemoteHead, bytes]:
    """Return the head and the bytes of an answer."""
    items = [item async for item in backend.send(request)]
    head, *pieces = items
    assert isinstance(head, RemoteHead)
    return head, b"".join(piece for piece in pieces if isinstance(piece, bytes))
