"""What is written in one turn of the event loop leaves in one piece.

uvicorn writes an answer's head, each of its events and its end, and uvloop sends each at once. To
send costs some 10 µs, and 25 where it wakes the reader; and a reader that is woken by the head
alone finds nothing to do.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_BYTES = 1 << 16
"""Of what is held back; asyncio's high-water mark, from which on writers are asked to wait."""


class CorkedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, over corked connections."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Serve the connection."""
        super().connection_made(cast("asyncio.Transport", CorkedTransport(transport, self.loop)))


class CorkedTransport:
    """A transport that holds what is written until the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._bytes = 0

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all else."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send *data* soon, behind what was written before."""
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES:
            self._send()

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held:
            held, self._held, self._bytes = self._held, [], 0
            self._transport.write(b"".join(held))
