"""A batch that is not final, in the process that runs it: takes it from state to state."""

import asyncio
import logging
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from shim.http.uninterrupted import uninterrupted
from shim.serving.batch_metrics import BatchMetrics

from .attempts import Attempts, Stopped
from .batch import Batch, Counts, Status, moved
from .ends import ENDS
from .input import BadInput, Fault, check
from .lines import Lines
from .results import Results
from .run import Run
from .starts import Starts
from .store.files import Files, NewFile
from .store.table import StoredFile
from .table import Table, save
from .turns import Turns

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Most batches that run side by side; each takes about 2 MB. Others wait, with their file checked.
"""

_AGAIN_SECONDS = 10.0
"""Seconds before a batch is resumed that has met an error, as a full disk."""

_NO_LIMIT = 1 << 40


class Shared(Struct, frozen=True, kw_only=True):
    """What all batches of a process use."""

    folder: Path
    """The folders of the batches that run, each with its input and its part files."""
    table: Table
    files: Files
    attempts: Attempts
    turns: Turns
    metrics: BatchMetrics
    now: Callable[[], float]
    """The time in Unix seconds."""
    most_lines: int
    most_inputs: int
    line_bytes: int
    checks: asyncio.Semaphore
    """Held while a file is checked: one at a time takes the interpreter from requests."""
    places: asyncio.Semaphore
    """Held while the lines of a batch run."""


class ActiveBatch:
    """One batch until it is final, or the server stops."""

    def __init__(self, batch: Batch, shared: Shared) -> None:
        self._batch = batch
        self._shared = shared
        self._folder = shared.folder / batch.id
        self._present: Results | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def batch(self) -> Batch:
        """The batch as it is now, with the counts of the lines that have run."""
        if self._present is None:
            return self._batch
        return replace(self._batch, counts=self._present.counts, usage=self._present.usage)

    async def recall(self) -> None:
        """Show the counts of what earlier processes have done, which `live` reads again later."""
        try:
            async with self._results():
                pass
        except OSError as error:  # which `live` meets again, and waits for its end
            log.error("%s: its results cannot be read: %s", self._batch.id, error)  # noqa: TRY400

    async def cancel(self) -> bool:
        """Let the batch be cancelled, what is in flight included; return whether it was not over.

        A batch that is being cancelled already stays as it is.
        """
        if self._batch.status == "cancelling":
            return True
        if self._is_late or not self._batch.may_become("cancelling"):
            return False
        saved = self._move("cancelling")
        if self._work is not None:
            self._work.cancel()
        await saved
        return True

    def expire(self) -> None:
        """End what is in flight if the window of the batch is over."""
        if self._is_late and self._work is not None:
            self._work.cancel()

    @property
    def _is_late(self) -> bool:
        return self._shared.now() >= self._batch.expires_at

    async def live(self) -> None:
        """Take the batch to its last state; end earlier if the server stops.

        All that is done is on the disk: a step that fails is resumed as after a crash.
        """
        try:
            while not self._batch.is_final:
                await self._succeeds(self._step)
            while not await self._succeeds(self._clear):
                pass
        except Stopped:
            return

    async def _succeeds(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Return whether *step* raised no error; after an error only when it may have passed."""
        try:
            await step()
        except Stopped:
            raise
        # A batch would end here: all its results are on the disk, and the reason may pass.
        except Exception:
            log.exception("%s is resumed in %g s", self._batch.id, _AGAIN_SECONDS)
            await self._shared.attempts.pause(_AGAIN_SECONDS)
            return False
        return True

    async def _step(self) -> None:
        try:
            if self._batch.status == "validating":
                await self._check()
            elif self._batch.status == "in_progress" and not self._is_late:
                await self._run()
            else:
                await self._finish()
        except BadInput as error:
            self._batch = replace(self._batch, faults=tuple(error.faults))
            await self._move("failed")

    async def _clear(self) -> None:
        """Remove the folder, which is needed as long as the index has another state."""
        await self._shared.table.save(self._batch)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _check(self) -> None:
        async with self._lines():
            pass
        if self._batch.status == "validating":
            await self._move("in_progress")

    async def _run(self) -> None:
        # A task of its own, which `cancel` and `expire` cancel.
        self._work = work = asyncio.create_task(self._all_lines())
        try:
            await asyncio.wait([work])
        finally:
            self._work = None
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
        if not work.cancelled():
            work.result()
        if self._batch.status == "in_progress" and not work.cancelled():
            await self._move("finalizing")

    async def _all_lines(self) -> None:
        async with self._shared.places, self._lines() as lines, self._results() as results:
            with closing(Starts(self._folder / "starts")) as starts:
                run = Run(
                    self._batch,
                    lines,
                    results,
                    starts,
                    attempts=self._shared.attempts,
                    turns=self._shared.turns,
                    metrics=self._shared.metrics,
                )
                await run.all_lines()

    async def _finish(self) -> None:
        end, unfinished = ENDS[self._batch.status]
        async with self._lines() as lines, self._results() as results:
            output, errors = await uninterrupted(
                asyncio.to_thread(results.write_files, lines, unfinished)
            )
        paths = {f"{self._batch.id}_output.jsonl": output, f"{self._batch.id}_error.jsonl": errors}
        new = [
            NewFile(
                path=path,
                owner=self._batch.owner,
                purpose="batch_output",
                filename=name,
                lifetime=self._batch.output_expires_seconds,
            )
            for name, path in paths.items()
            if path is not None
        ]

        def ended(stored: list[StoredFile]) -> Batch:
            ids = {file.filename: file.id for file in stored}
            output, errors = map(ids.get, paths)
            batch = replace(self._batch, output_file_id=output, error_file_id=errors)
            return moved(batch, end, self._shared.now())

        # In one transaction: the files are there once, whenever the server dies.
        stored = await self._shared.files.adopt(
            *new, also=lambda connection, stored: save(connection, ended(stored))
        )
        self._batch = ended(stored)

    @asynccontextmanager
    async def _lines(self) -> AsyncGenerator[Lines, None]:
        """Check the input, which was right already unless the batch is new; raise BadInput."""
        known = self._batch.counts.total
        try:
            opened = Lines(self._folder / "input.jsonl")
        except FileNotFoundError as error:
            fault = Fault("input_file_lost", "The input of the batch is not on the disk any more.")
            raise BadInput([fault]) from error
        with closing(opened) as lines:
            async with self._shared.checks:
                await uninterrupted(
                    asyncio.to_thread(
                        check,
                        lines,
                        endpoint=self._batch.endpoint,
                        most_lines=known or self._shared.most_lines,
                        most_inputs=_NO_LIMIT if known else self._shared.most_inputs,
                        line_bytes=_NO_LIMIT if known else self._shared.line_bytes,
                    )
                )
            if not known:
                counts = Counts(total=len(lines))
                model = lines.models[0] if len(lines.models) == 1 else None
                self._batch = replace(self._batch, counts=counts, model=model)
            yield lines

    @asynccontextmanager
    async def _results(self) -> AsyncGenerator[Results, None]:
        """Read the results that there are, and show their counts from now on."""
        results = Results(self._folder, self._batch.id, self._batch.counts.total)
        try:
            await uninterrupted(asyncio.to_thread(results.read))
            self._present = results
            yield results
        finally:
            self._batch = self.batch
            self._present = None
            await results.close()

    def _move(self, status: Status) -> Awaitable[None]:
        """Be in *status* from now on, and save that."""
        self._batch = moved(self.batch, status, self._shared.now())
        return self._shared.table.save(self._batch)
