"""What is written in one turn of the event loop leaves in one piece.

uvicorn writes an answer's head, each of its events and its end, and uvloop sends each at once. To
send costs some 10 µs, and 25 where it wakes the reader; and a reader that is woken by the head
alone finds nothing to do.
"""

import asyncio
from typing import Any

_MOST_BYTES = 1 << 16
"""Of what is held back; asyncio's high-water mark, from which on writers are asked to wait."""


class CorkedTransport:
    """A transport that holds what is written until the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._bytes = 0
        self._linger_seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all else."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send *data* soon, behind what was written before; drop it if the connection has ended."""
        if self._transport.is_closing():
            return
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES:
            self._send()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes have been written and not sent."""
        return self._bytes + self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Read no further, unless the connection has ended."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, unless the connection has ended."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def linger(self, seconds: float) -> None:
        """Let `close` wait for so many *seconds*, in which the other end may stop writing.

        What arrives meanwhile has to be read: what is unread when a connection is closed resets it,
        and a reset may destroy an answer that the other end has not read yet.
        """
        self._linger_seconds = seconds

    def close(self) -> None:
        """Send what is held, then close, or do so later if this connection lingers."""
        self._send()
        if not self._linger_seconds:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()
            self._loop.call_later(self._linger_seconds, self._transport.abort)

    def abort(self) -> None:
        """Close at once; what has not been sent is lost."""
        self._held, self._bytes = [], 0
        self._transport.abort()

    def _send(self) -> None:
        if self._held:
            held, self._held, self._bytes = self._held, [], 0
            if not self._transport.is_closing():
                self._transport.write(b"".join(held))
