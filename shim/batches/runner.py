"""The batches of a server: makes, finds and cancels them, and runs them while the server runs."""

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import Context

from shim.batch_settings import BatchSettings
from shim.errors import InvalidParameter, QueueFull, UnknownBatch
from shim.http.uninterrupted import uninterrupted
from shim.serving.batch_metrics import BatchMetrics
from shim.serving.models import Models

from .active import AT_ONCE, ActiveBatch, Shared
from .attempts import Attempts, Send
from .batch import Batch
from .new_batch import LONGEST_WINDOW, NewBatch, request_of, window_seconds
from .store.database import Database
from .store.files import Files
from .store.folder import Folder
from .store.table import StoredFile
from .table import Table
from .turns import Turns

log = logging.getLogger(__name__)

PURPOSE = "batch"
"""The purpose of files that batches read."""

MOST_UNFINISHED = 500
"""Most batches of one client that are not final."""

_RETRY_SECONDS = 900
"""Seconds in which a client's retry finds the batch that its first request made: OpenAI's client
waits for up to 600 s for an answer."""

_TICK_SECONDS = 1.0
"""Seconds between two looks for batches whose window is over."""

_LONGEST_RETENTION = 30 * 24 * 3600
"""The most seconds that `output_expires_after` may say, as at OpenAI."""


class Runner:
    """The batches in one directory, which this server holds."""

    def __init__(
        self,
        folder: Folder,
        database: Database,
        files: Files,
        settings: BatchSettings,
        metrics: BatchMetrics,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """*now* returns the time in Unix seconds."""
        self._folder = folder
        self._files = files
        self._settings = settings
        self._metrics = metrics
        metrics.watch(lambda: [active.batch.status for active in self._active.values()])
        self._table = Table(database)
        self._now = now
        self._active: dict[str, ActiveBatch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._shared: Shared | None = None

    @asynccontextmanager
    async def running(
        self, send: Send, models: Callable[[], Models], *, line_bytes: int
    ) -> AsyncGenerator[None, None]:
        """Resume what is not final, and run it and new batches during the block.

        *send* answers the request of one line, *models* returns those that new requests use.
        """
        self._shared = Shared(
            folder=self._folder.running,
            table=self._table,
            files=self._files,
            attempts=Attempts(send, lambda: self._metrics.count_line("retried")),
            turns=Turns(models),
            metrics=self._metrics,
            now=self._now,
            most_lines=self._settings.max_lines,
            most_inputs=self._settings.max_inputs,
            line_bytes=line_bytes,
            checks=asyncio.Semaphore(1),
            places=asyncio.Semaphore(AT_ONCE),
        )
        unfinished = await self._table.start()
        await asyncio.to_thread(self._remove_others, {batch.id for batch in unfinished})
        for batch in unfinished:
            log.info("%s is resumed: %s", batch.id, batch.status)
            active = ActiveBatch(batch, self._shared)
            # Before the server listens: no client sees a count go back.
            await active.recall()
            self._begin(active)
        self._tasks.add(asyncio.create_task(self._expire()))
        try:
            yield
        finally:
            self.drain()
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def drain(self) -> None:
        """Start no line any more; those in flight go on. What is left runs at the next start."""
        if self._shared is not None:
            self._shared.attempts.stop()

    async def create(self, new: NewBatch, owner: str, *, is_retry: bool) -> Batch:
        """Make a batch and begin it; return the one of the first request if this is its retry.

        Raises InvalidParameter for a window or a file that is not for batches, UnknownFile, and
        QueueFull if the client has `MOST_UNFINISHED` batches.
        """
        now = int(self._now())
        if is_retry and (made := await self._made(new, owner, now)) is not None:
            return made
        if sum(active.batch.owner == owner for active in self._active.values()) >= MOST_UNFINISHED:
            raise QueueFull(f"{MOST_UNFINISHED} batches of this client have not ended.")
        expires_at = now + window_seconds(new.completion_window)
        file = await self._files.get(new.input_file_id, owner)
        if file.purpose != PURPOSE:
            message = f"The file has the purpose {file.purpose!r}: a batch needs {PURPOSE!r}."
            raise InvalidParameter(message, param="input_file_id")
        batch = Batch(
            id=self._files.ids.new("batch_"),
            owner=owner,
            endpoint=new.endpoint,
            input_file_id=new.input_file_id,
            completion_window=new.completion_window,
            created_at=now,
            expires_at=expires_at,
            metadata=new.metadata,
            output_expires_seconds=new.output_expires_seconds,
        )
        # To its end also if the client leaves: a row without its task would wait for a restart.
        await uninterrupted(self._add(batch, file))
        return batch

    async def _add(self, batch: Batch, file: StoredFile) -> None:
        assert self._shared is not None  # noqa: S101  requests come after `running`
        # Before the row: a folder without a row is removed at the next start.
        folder = self._folder.running / batch.id
        folder.mkdir(mode=0o700)
        await self._files.link(file, folder / "input.jsonl")
        await self._table.save(batch)
        self._begin(ActiveBatch(batch, self._shared))

    async def _made(self, new: NewBatch, owner: str, now: int) -> Batch | None:
        """Return the batch of the request that the client repeats; None if it made none."""
        for batch in await self._table.since(owner, now - _RETRY_SECONDS):
            if request_of(batch) == new:
                return self._present(batch)
        return None

    async def get(self, batch_id: str, owner: str) -> Batch:
        """Return a batch of *owner*; raise UnknownBatch."""
        batch = await self._table.get(batch_id, owner)
        if batch is None:
            raise UnknownBatch(f"No batch found with id '{batch_id}'.", param="id")
        return self._present(batch)

    async def page(self, owner: str, *, limit: int, after: str | None) -> tuple[list[Batch], bool]:
        """Return up to *limit* batches that are older than the id *after*, and if there are more.

        The newest is the first. *after* need not exist; None: from the newest one.
        """
        found = await self._table.page(owner, limit=limit + 1, after=after)
        return [self._present(batch) for batch in found[:limit]], len(found) > limit

    async def sweep(self) -> None:
        """Forget the batches whose files of results have expired, whenever they have ended."""
        longest = LONGEST_WINDOW + max(self._settings.retention_seconds, _LONGEST_RETENTION)
        await self._table.forget(int(self._now()) - longest)

    async def cancel(self, batch_id: str, owner: str) -> Batch:
        """Begin to cancel a batch of *owner*, and return it; one that is cancelled stays so.

        Raises UnknownBatch, and InvalidParameter if the batch has ended.
        """
        batch = await self.get(batch_id, owner)
        active = self._active.get(batch_id)
        if active is not None and await active.cancel():
            return active.batch
        batch = await self.get(batch_id, owner)
        if batch.status != "cancelled":
            raise InvalidParameter(f"The batch cannot be cancelled: it is {batch.status}.")
        return batch

    def _present(self, batch: Batch) -> Batch:
        """Return *batch* with what is only in memory."""
        active = self._active.get(batch.id)
        return batch if active is None else active.batch

    def _begin(self, active: ActiveBatch) -> None:
        self._active[active.batch.id] = active
        # A context of its own: not the record and the deadline of the request that made it.
        task = asyncio.create_task(self._live(active), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, active: ActiveBatch) -> None:
        await active.live()
        if active.batch.is_final:
            self._metrics.count_ended(active.batch.status)
            del self._active[active.batch.id]

    async def _expire(self) -> None:
        """End batches whose window is over, again and again."""
        while True:
            for active in self._active.values():
                active.expire()
            await asyncio.sleep(_TICK_SECONDS)

    def _remove_others(self, unfinished: set[str]) -> None:
        """Remove the folders of batches that are not *unfinished*: a server died in between."""
        for path in self._folder.running.iterdir():
            if path.name not in unfinished:
                shutil.rmtree(path, ignore_errors=True)
