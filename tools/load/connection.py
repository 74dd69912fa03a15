"""A kept connection that sends one request after the other, and costs the client next to nothing.

httptools parses the answers. A client library takes more of a processor for 1,000 connections than
the server that they load.
"""

import asyncio
import socket
from dataclasses import dataclass, field

import httptools

SMALL_BUFFER = 4096
"""Bytes of the kernel's receive buffer of a slow reader; the kernel doubles them."""
SLOW_PAUSE = 0.02
"""Seconds that a slow reader pauses after each piece that it reads."""


@dataclass
class Answer:
    """An answer that is read, or was read in part."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    """By their names in lower case."""
    body: bytearray = field(default_factory=bytearray)


class Connection(asyncio.Protocol):
    """One connection; *slow*: it pauses after each piece that it reads."""

    def __init__(self, *, slow: bool = False) -> None:
        self._slow = slow
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._answer = Answer()
        self._begun: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[Answer] | None = None

    async def ask(self, sent: bytes) -> Answer:
        """Send a request, return its whole answer. Raises ConnectionError if it is cut."""
        self._send(sent)
        assert self._ended is not None  # noqa: S101 - `_send` sets it
        return await self._ended

    async def begin(self, sent: bytes) -> None:
        """Send a request, return when a piece of its body has come.

        Raises ConnectionError as `ask` does. Only `close` may follow.
        """
        self._send(sent)
        assert self._begun is not None  # noqa: S101 - `_send` sets it
        await self._begun

    def close(self) -> None:
        """Close the connection at once, whatever runs on it."""
        self._transport.abort()

    def _send(self, sent: bytes) -> None:
        if self._transport.is_closing():
            raise ConnectionError("the server has closed a connection between two requests")
        self._begun = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._transport.write(sent)

    # ── what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Parse a piece."""
        self._parser.feed_data(data)
        if self._slow:
            self._transport.pause_reading()
            self._loop.call_later(SLOW_PAUSE, self._resume)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the request that runs."""
        for waiting in (self._begun, self._ended):
            if waiting is not None and not waiting.done():
                waiting.set_exception(ConnectionError(f"cut in an answer: {error}"))
                waiting.exception()  # only one of the two is awaited

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    # ── what the parser calls

    def on_message_begin(self) -> None:
        """Begin an answer."""
        self._answer = Answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._answer.body += body
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(None)

    def on_message_complete(self) -> None:
        """End an answer."""
        self._answer.status = self._parser.get_status_code()
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(None)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(self._answer)


async def connect(port: int, *, slow: bool = False) -> Connection:
    """Open a connection to the server at *port* of this machine."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if slow:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    opened.setblocking(False)  # noqa: FBT003 - the socket's own signature
    loop = asyncio.get_running_loop()
    await loop.sock_connect(opened, ("127.0.0.1", port))
    _, connection = await loop.create_connection(lambda: Connection(slow=slow), sock=opened)
    return connection
