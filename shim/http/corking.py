"""Joins all writes of one turn of the event loop into one, as Linux's TCP_CORK does one level down.

uvicorn writes an answer's head, each of its events and its end separately, and uvloop sends each of
them at once. A send costs about 10 µs, and 25 µs if it wakes the reader; a reader that is woken by
the head alone finds nothing to do.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

TRANSPORT = "shim.transport"
"""The key of a request's connection in its scope: its transport."""

_MOST_BYTES = 1 << 16
"""Most bytes that are held back: asyncio's high-water mark, above which it pauses writers."""


class CorkedTransport:
    """A transport that holds written bytes until the next turn of the event loop.

    Every method that writes or ends the stream is defined here, because held bytes come first. All
    other methods and attributes are those of the transport below.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._linger_seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        """Return the attribute *name* of the transport below."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send *data* soon, after earlier writes; drop it if the connection has ended."""
        if self._transport.is_closing():
            return
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > _MOST_BYTES:
            self._send()

    def writelines(self, list_of_data: Iterable[bytes]) -> None:
        """Write the items of *list_of_data* one after the other."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Send the held bytes, then end the stream in this direction."""
        self._send()
        self._transport.write_eof()

    def get_write_buffer_size(self) -> int:
        """Return how many written bytes have not been sent, here and in the transport below."""
        return self._held_bytes + self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Pause reading, unless the connection has ended."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading, unless the connection has ended."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def linger(self, seconds: float) -> None:
        """Delay a later `close` by *seconds*, so that the client can finish writing.

        Bytes that arrive meanwhile must be read: closing a connection with unread bytes resets it,
        and a reset may destroy an answer that the client has not read yet.
        """
        self._linger_seconds = seconds

    def close(self) -> None:
        """Send the held bytes, then close: at once, or after the delay that `linger` set."""
        self._send()
        if not self._linger_seconds:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()
            self._loop.call_later(self._linger_seconds, self._transport.abort)

    def abort(self) -> None:
        """Close at once; bytes that have not been sent are lost."""
        self._held, self._held_bytes = [], 0
        self._transport.abort()

    def _send(self) -> None:
        if self._held:
            held, self._held, self._held_bytes = self._held, [], 0
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))
