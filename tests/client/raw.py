"""A client of bytes: what is sent and what comes back are under the test's control."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from tests.live import KEY, LiveServer

BODY = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "one two"}]}).encode()


def head(*lines: str, method: str = "POST", path: str = "/v1/chat/completions") -> bytes:
    """Return the head of a request with a key, and *lines* as further headers."""
    fixed = (f"{method} {path} HTTP/1.1", "host: localhost", f"authorization: Bearer {KEY}")
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


def request(body: bytes = BODY, *lines: str) -> bytes:
    """Return a whole request for a chat."""
    return head(f"content-length: {len(body)}", *lines) + body


class Answer:
    """A whole answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def code(self) -> str | None:
        """The code of an error in OpenAI's shape."""
        error: dict[str, Any] = json.loads(self.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        code: str | None = error["code"]
        return code


class Raw:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Send *data*."""
        self.writer.write(data)

    async def answer(self, *, head_only: bool = False) -> Answer:
        """Read one answer; raise IncompleteReadError if the connection ends before."""
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()[:-1]
        headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)
        }
        body = b"" if head_only else await self._body(headers)
        return Answer(int(first.split()[1]), headers, body)

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self._reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return body

    async def ended(self) -> bytes:
        """Wait for the end of the connection and return what came before it."""
        try:
            return await self._reader.read()
        except ConnectionResetError:
            return b""

    async def close(self) -> None:
        """Leave."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


Connect = Callable[[], Awaitable[Raw]]


@asynccontextmanager
async def connecting(server: LiveServer) -> AsyncIterator[Connect]:
    """Yield what opens connections to *server*; close all of them when the block ends."""
    parts = urlsplit(server.url)
    async with AsyncExitStack() as stack:

        async def connect() -> Raw:
            raw = Raw(*await asyncio.open_connection(parts.hostname, parts.port))
            stack.push_async_callback(raw.close)
            return raw

        yield connect
