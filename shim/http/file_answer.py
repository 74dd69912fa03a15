"""Sends a file from the disk as an answer, in pieces, so that its size costs no memory."""

import asyncio
from typing import Any, BinaryIO

from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from .uninterrupted import uninterrupted

_PIECE = 1 << 20
"""Bytes that are read at once, in a thread because a disk may block."""


class FileAnswer(Response[None]):
    """The bytes of a file; closes it however the answer ends.

    Litestar's own opens the file by its name when the answer has begun: it may be deleted by then.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Send the *size* bytes of *file*, which is open."""
        super().__init__(None)
        self._file = file
        self._size = size

    def to_asgi_response(self, *_args: Any, **_more: Any) -> ASGIApp:  # type: ignore[override]
        """Return the ASGI application that sends the answer."""
        return self._answer

    async def _answer(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", b"%d" % self._size),
        ]
        with self._file as file:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while piece := await uninterrupted(asyncio.to_thread(file.read, _PIECE)):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
