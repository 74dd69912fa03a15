"""An answer as it was sent: taken from the messages of an application, and sent once more."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, BinaryIO

from litestar.types import Message, Send
from msgspec import Struct

_OF_THE_CONNECTION = frozenset({b"connection", b"date", b"transfer-encoding", b"keep-alive"})
"""Headers of one connection or moment, which are not part of an answer."""


class Answer(Struct, frozen=True, kw_only=True):
    """An answer without the bytes of its body."""

    status: int
    headers: list[tuple[str, str]]
    head_ms: float
    """Milliseconds from the beginning of the request to the head of the answer."""
    pieces: list[tuple[float, int]]
    """Of each piece of the body the milliseconds from the same moment, and its bytes."""

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return sum(size for _, size in self.pieces)


class Taken:
    """An answer that is being sent."""

    def __init__(self, body: BinaryIO) -> None:
        """Write its body into the file *body*."""
        self.body = body
        self.complete = False
        """Whether its last message has been taken."""
        self._began = time.perf_counter()
        self._status: int | None = None
        self._headers: list[tuple[str, str]] = []
        self._head_ms = 0.0
        self._pieces: list[tuple[float, int]] = []

    def take(self, message: Message) -> None:
        """Add the next *message* of the answer; raise OSError if its body cannot be written."""
        ms = round((time.perf_counter() - self._began) * 1000, 3)
        if message["type"] == "http.response.start":
            self._status, self._head_ms = message["status"], ms
            self._headers = [
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message["headers"]
                if name not in _OF_THE_CONNECTION
            ]
        elif message["type"] == "http.response.body":
            if piece := message["body"]:
                self.body.write(piece)
                self._pieces.append((ms, len(piece)))
            self.complete = not message.get("more_body")

    @property
    def answer(self) -> Answer | None:
        """What has been taken; None before the head of the answer."""
        if self._status is None:
            return None
        return Answer(
            status=self._status,
            headers=self._headers,
            head_ms=self._head_ms,
            pieces=self._pieces,
        )


async def send_again(
    answer: Answer,
    body: bytes,
    send: Send,
    *,
    paced: bool = False,
    headers: Iterable[tuple[str, str]] = (),
) -> None:
    """Send *answer* with *body* and further *headers*: at once or, if *paced*, at its own times."""
    began = time.perf_counter()

    async def wait_until(ms: float) -> None:
        if paced:
            await asyncio.sleep(max(0.0, began + ms / 1000 - time.perf_counter()))

    await wait_until(answer.head_ms)
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
    encoded += [(name.encode(), value.encode("latin-1")) for name, value in headers]
    start: Any = {"type": "http.response.start", "status": answer.status, "headers": encoded}
    await send(start)
    position = 0
    for ms, size in answer.pieces:
        await wait_until(ms)
        piece = body[position : position + size]
        position += size
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
