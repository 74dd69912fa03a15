"""Records the exchanges of a server: `shim serve --record`."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from shim.http.uninterrupted import uninterrupted
from shim.serving.request_record import CURRENT, RequestRecord

from .answer import Taken
from .folder import Exchange, Writer
from .request import head
from .temporary import temporary

log = logging.getLogger(__name__)

Result: TypeAlias = Literal["whole", "cut", "lost"]
"""What became of an exchange: recorded, recorded although it was not whole, or not recorded."""

NOT_RECORDED = frozenset({"/health", "/ready", "/metrics"})
"""Paths that programs poll, whose answers are of the moment."""


class Recorder:
    """Writes exchanges in a thread of its own, one after the other."""

    def __init__(self, writer: Writer, on_end: Callable[[Result], None]) -> None:
        """*on_end* is called with what became of each exchange."""
        self._writer = writer
        self._on_end = on_end
        self._thread = ThreadPoolExecutor(1, "record")
        self._has_failed = False

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return *app*, recorded."""
        return _Recorded(app, self)

    def close(self) -> None:
        """Wait until all exchanges that have ended are written."""
        self._thread.shutdown()

    async def write(self, exchange: Exchange, body: BinaryIO, answer_body: BinaryIO) -> None:
        """Write *exchange*; an error is logged once, and counted."""
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(
            self._thread, self._writer.write, exchange, body, answer_body
        )
        try:
            await uninterrupted(writing)
        # An exchange ends here: whatever is wrong with its recording, its client is answered.
        except Exception as error:  # noqa: BLE001
            self.lose(error)
        else:
            self._on_end("whole" if exchange.whole else "cut")

    def lose(self, error: Exception) -> None:
        """Count an exchange that could not be recorded because of *error*; log the first one."""
        self._on_end("lost")
        if not self._has_failed:
            self._has_failed = True
            log.error("not recorded, and so may be others: %s", error)


class _Recorded:
    """An ASGI application around another that records its exchanges."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and record it."""
        if scope["path"] in NOT_RECORDED:
            await self._app(scope, receive, send)
            return
        exchange = _Running(scope, receive, send, self._recorder)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            await exchange.end()
            exchange.close()


class _Running:
    """A request in progress, and the part of its answer that has been sent."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, recorder: Recorder) -> None:
        self._head = head(scope)
        self._receive = receive
        self._send = send
        self._recorder = recorder
        self._body = temporary()
        self._taken = Taken(temporary())
        self._began = time.time()
        headers = dict(scope["headers"])
        self._read = (
            headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers
        )
        """Whether the whole request has been read."""
        self._ended = False
        """Whether the exchange has been written, or lost."""

    async def receive(self) -> ReceiveMessage:
        """Return the next message of the client's."""
        message: ReceiveMessage = await self._receive()
        if message["type"] == "http.request" and not self._ended:
            self._read = not message.get("more_body")
            try:
                self._body.write(message["body"])
            except OSError as error:
                self._lose(error)
        return message

    async def send(self, message: Message) -> None:
        """Send *message*; before the last one, write the exchange.

        So an exchange is in the recording when its client has the whole answer, and a slow disk
        makes answers slower instead of filling the memory.
        """
        if not self._ended:
            try:
                self._taken.take(message)
            except OSError as error:
                self._lose(error)
            if self._taken.complete:
                await self.end()
        await self._send(message)

    async def end(self) -> None:
        """Write the exchange, unless that has been done: it is cut if its answer has no end."""
        if self._ended:
            return
        self._ended = True
        record = CURRENT.get() or RequestRecord()
        exchange = Exchange(
            id=record.id,
            began=self._began,
            key=record.key,
            request=self._head,
            answer=self._taken.answer,
            whole=self._read and self._taken.complete,
        )
        await self._recorder.write(exchange, self._body, self._taken.body)

    def close(self) -> None:
        """Remove the temporary files."""
        self._body.close()
        self._taken.body.close()

    def _lose(self, error: OSError) -> None:
        self._ended = True
        self._recorder.lose(error)


@contextmanager
def recording(
    folder: Path, *, most_bytes: int, on_end: Callable[[Result], None]
) -> Iterator[Recorder]:
    """Yield what records into *folder* during the block; raise FolderUnusable.

    *on_end* is called with what became of each exchange.
    """
    writer = Writer(folder, most_bytes=most_bytes)
    recorder = Recorder(writer, on_end)
    try:
        yield recorder
    finally:
        recorder.close()
        writer.close()
