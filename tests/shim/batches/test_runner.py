"""The batches of a server: what a start, a stop, a window and a full disk do to them."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from shim.batch_settings import DAY_SECONDS, BatchSettings
from shim.batches import active, runner
from shim.batches.batch import Batch, Counts
from shim.batches.line_request import LineAnswer, LineRequest
from shim.batches.new_batch import NewBatch
from shim.batches.runner import Runner
from shim.batches.service import opened
from shim.batches.store.files import Files, NewFile
from shim.errors import QueueFull, UnknownBatch
from shim.serving.metrics import Metrics

from .test_input import CHAT, line
from .test_run import answer, models

HOUR = 3600
Answered = Callable[[LineRequest], Awaitable[LineAnswer]]


class Clock:
    """A time that only the test moves."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """Return the time in Unix seconds."""
        return self.now


class Server:
    """Batches in a directory, as a server has them."""

    def __init__(self, files: Files, batches: Runner, folder: Path) -> None:
        self._files = files
        self._folder = folder
        self.batches = batches

    async def new(self, count: int = 2, **changed: Any) -> NewBatch:
        """Store a file of *count* lines, and return a request for a batch of it."""
        path = self._folder / "upload"
        path.write_text("".join(f"{line(str(n))}\n" for n in range(count)))
        stored = await self._files.adopt(
            NewFile(path=path, owner="", purpose="batch", filename="f")
        )
        given = {"endpoint": CHAT, "completion_window": "1h", **changed}
        return NewBatch(input_file_id=stored[0].id, **given)

    async def begun(self, count: int = 2, **changed: Any) -> Batch:
        """Begin a batch of *count* lines."""
        return await self.batches.create(await self.new(count, **changed), "", is_retry=False)

    async def reached(self, batch: Batch, status: str) -> Batch:
        """Return *batch* once it has that *status*."""
        async with asyncio.timeout(20):
            while True:
                found = await self.batches.get(batch.id, "")
                if found.status == status:
                    return found
                await asyncio.sleep(0.005)

    async def answered(self, batch: Batch, count: int) -> None:
        """Wait until *count* lines of *batch* are answered."""
        async with asyncio.timeout(20):
            while True:
                if (await self.batches.get(batch.id, "")).counts.completed >= count:
                    return
                await asyncio.sleep(0.005)

    async def lines(self, file: str | None) -> list[Any]:
        """Return the lines of a file of results."""
        assert file is not None
        text = self._files.path(await self._files.get(file, "")).read_text()
        return [json.loads(each) for each in text.splitlines()]


@asynccontextmanager
async def serving(
    folder: Path, answered: Answered, clock: Clock | None = None
) -> AsyncGenerator[Server, None]:
    """Run the batches in *folder*, whose lines get the answers of *answered*."""
    settings = BatchSettings(directory=str(folder / "batches"))
    metrics = Metrics().batches
    async with opened(settings, metrics) as store:
        assert store is not None
        batches = Runner(
            store.folder, store.database, store.files, settings, metrics, now=clock or Clock()
        )
        async with batches.running(answered, lambda: models(2), line_bytes=1 << 20):
            yield Server(store.files, batches, folder)


async def fine(_: LineRequest) -> LineAnswer:
    """Answer at once."""
    return answer()


async def never(_: LineRequest) -> LineAnswer:
    """Do not answer."""
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for windows that are over, and begin steps again, without long pauses."""
    monkeypatch.setattr(runner, "_TICK_SECONDS", 0.01)
    monkeypatch.setattr(active, "_AGAIN_SECONDS", 0.01)


async def test_a_window_ends(tmp_path: Path) -> None:
    """At its end what is in flight ends too; what was answered is kept, the rest are errors."""
    clock = Clock()

    number = itertools.count()

    async def one(request: LineRequest) -> LineAnswer:
        return await (never if next(number) else fine)(request)

    async with serving(tmp_path, one, clock) as server:
        begun = await server.begun(3)
        await server.answered(begun, 1)
        clock.now += HOUR
        batch = await server.reached(begun, "expired")
        errors = await server.lines(batch.error_file_id)

    assert batch.expired_at == begun.created_at + HOUR
    assert batch.counts == Counts(total=3, completed=1)
    assert [each["error"]["code"] for each in errors] == ["batch_expired"] * 2


async def test_a_window_ends_while_no_server_runs(tmp_path: Path) -> None:
    """A batch whose window ended in between is ended by the next server, which runs no line."""
    clock = Clock()
    async with serving(tmp_path, never, clock) as server:
        begun = await server.begun()
        await server.reached(begun, "in_progress")
    clock.now += HOUR

    async with serving(tmp_path, never, clock) as server:
        batch = await server.reached(begun, "expired")

    assert batch.error_file_id is not None


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling"])
async def test_a_batch_is_resumed_in_every_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """A server that ends leaves a batch of any state, which ends at the next one."""
    with monkeypatch.context() as patched:
        patched.setattr(active.Results, "write_files", full_disk)
        async with serving(tmp_path, fine if status == "finalizing" else never) as server:
            begun = await server.begun()
            if status == "cancelling":
                await server.batches.cancel(begun.id, "")
            elif status != "validating":
                await server.reached(begun, status)

    async with serving(tmp_path, fine) as server:
        end = "cancelled" if status == "cancelling" else "completed"
        batch = await server.reached(begun, end)
        file = batch.error_file_id if status == "cancelling" else batch.output_file_id

        assert len(await server.lines(file)) == 2
        assert None in (batch.error_file_id, batch.output_file_id)


def full_disk(_results: Any, _lines: Any, _unfinished: Any) -> Any:
    """Fail as writing to a full disk does."""
    raise OSError(28, "No space left on device")


async def test_counts_do_not_go_back(tmp_path: Path) -> None:
    """At the first moment of the next server, a batch has the counts of the one before."""
    number = itertools.count()

    async def some(request: LineRequest) -> LineAnswer:
        return await (fine if next(number) < 3 else never)(request)

    async with serving(tmp_path, some) as server:
        begun = await server.begun(9)
        await server.answered(begun, 3)

    async with serving(tmp_path, never) as server:
        resumed = await server.batches.get(begun.id, "")

    assert resumed.counts == Counts(total=9, completed=3)


async def test_a_step_that_fails_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch whose results cannot be written for a while ends once they can."""
    failures = iter(range(3))
    write_files = active.Results.write_files

    def full_at_first(results: Any, lines: Any, unfinished: Any) -> Any:
        write = write_files if next(failures, None) is None else full_disk
        return write(results, lines, unfinished)

    monkeypatch.setattr(active.Results, "write_files", full_at_first)
    async with serving(tmp_path, fine) as server:
        batch = await server.reached(await server.begun(), "completed")

        assert len(await server.lines(batch.output_file_id)) == 2


async def test_a_lost_input_is_named(tmp_path: Path) -> None:
    """A batch whose folder was removed by hand fails; the server starts."""
    async with serving(tmp_path, never) as server:
        begun = await server.begun()
        await server.reached(begun, "in_progress")
    shutil.rmtree(tmp_path / "batches" / "running" / begun.id)

    async with serving(tmp_path, never) as server:
        batch = await server.reached(begun, "failed")

    assert [fault.code for fault in batch.faults] == ["input_file_lost"]


async def test_a_client_that_leaves_has_its_batch(tmp_path: Path) -> None:
    """A request that ends while its batch is made has made it, and its retry finds it."""
    async with serving(tmp_path, fine) as server:
        new = await server.new()
        creating = asyncio.create_task(server.batches.create(new, "", is_retry=False))
        while not any((tmp_path / "batches" / "running").iterdir()):  # noqa: ASYNC110  no event
            await asyncio.sleep(0)
        creating.cancel()
        await asyncio.wait([creating])
        found = await server.batches.create(new, "", is_retry=True)

        await server.reached(found, "completed")
        assert len((await server.batches.page("", limit=9, after=None))[0]) == 1


async def test_a_retry_finds_only_its_own_batch(tmp_path: Path) -> None:
    """A retry gets the batch of an equal request of the last minutes, and else makes one."""
    clock = Clock()
    async with serving(tmp_path, fine, clock) as server:
        new = await server.new()
        first = await server.batches.create(new, "", is_retry=False)
        retried = await server.batches.create(new, "", is_retry=True)
        clock.now += HOUR
        late = await server.batches.create(new, "", is_retry=True)

    assert retried.id == first.id
    assert late.id != first.id


async def test_a_client_has_a_number_of_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond it, a batch is refused until another one has ended."""
    monkeypatch.setattr(runner, "MOST_UNFINISHED", 2)
    async with serving(tmp_path, never) as server:
        begun = [await server.begun() for _ in range(2)]
        with pytest.raises(QueueFull):
            await server.begun()
        await server.batches.cancel(begun[0].id, "")
        await server.reached(begun[0], "cancelled")

        assert await server.begun()


async def test_old_batches_are_forgotten(tmp_path: Path) -> None:
    """A batch is known as long as its results can be, and no longer."""
    clock = Clock()
    async with serving(tmp_path, fine, clock) as server:
        batch = await server.reached(await server.begun(), "completed")
        clock.now += 59 * DAY_SECONDS
        await server.batches.sweep()
        kept = await server.batches.get(batch.id, "")
        clock.now += 2 * DAY_SECONDS
        await server.batches.sweep()
        with pytest.raises(UnknownBatch):
            await server.batches.get(batch.id, "")

    assert kept == batch
