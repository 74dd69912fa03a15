"""Calls of many threads in few batches: which calls share one, and which wait."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from backends import batch_calls
from backends import batching as batching_module
from backends.base import Batch
from backends.batch_calls import MaxBatch, Size
from backends.batch_runs import AGAIN
from backends.batching import Batcher
from backends.failures import EngineDead
from backends.whisper.waiting import Abandoned, awaited

SECONDS = 20.0
"""After which a test that hangs fails."""


class Engine:
    """Doubles numbers; blocks every batch until `free`, and records it."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.allowed = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Double all numbers; raise TypeError for other values."""
        self.batches.append(list(inputs))
        self.begun.release()
        assert self.allowed.acquire(timeout=SECONDS)
        return [2 * number for number in inputs]

    def await_begun(self) -> None:
        """Wait until the next batch is in the engine."""
        assert self.begun.acquire(timeout=SECONDS)

    def free(self, batches: int = 100) -> None:
        """Let so many batches go on."""
        self.allowed.release(batches)


@contextmanager
def running(batcher: Batcher) -> Iterator[None]:
    """Answer calls until the block ends."""
    batcher.start()
    try:
        yield
    finally:
        batcher.close()


@contextmanager
def batching(
    engine: Engine,
    *,
    workers: int = 1,
    most: int = 4,
    on_batch: Callable[[Batch], None] | None = None,
) -> Iterator[Batcher]:
    """Run a batcher over *engine*."""
    batcher = Batcher(
        {"double": engine.run, "again": engine.run},
        workers=workers,
        max_batch={"double": MaxBatch(calls=most), "again": MaxBatch(calls=most)},
        on_batch=on_batch or (lambda _: None),
    )
    with running(batcher):
        yield batcher


def submit(batcher: Batcher, *numbers: Any, group: str = "a") -> "list[Future[Any]]":
    """Queue calls of one group."""
    return [batcher.submit("double", group, number) for number in numbers]


def results(calls: "list[Future[Any]]") -> list[Any]:
    """Wait for the answers."""
    return [call.result(timeout=SECONDS) for call in calls]


def test_a_lone_call_waits_for_nobody() -> None:
    """An idle engine runs a single call at once."""
    engine = Engine()
    engine.free()

    with batching(engine) as batcher:
        answers = results(submit(batcher, 1))

    assert answers == [2]
    assert engine.batches == [[1]]


def test_what_waits_is_taken_together() -> None:
    """Calls gather while the engine is busy; a full batch of them runs next, in order."""
    engine = Engine()

    with batching(engine, most=4) as batcher:
        calls = submit(batcher, 0)
        engine.await_begun()
        calls += submit(batcher, 1, 2, 3, 4, 5)
        engine.free()
        answers = results(calls)

    assert answers == [0, 2, 4, 6, 8, 10]
    assert engine.batches == [[0], [1, 2, 3, 4], [5]]


def test_groups_and_kinds_do_not_mix() -> None:
    """Only calls of one kind and group share a batch; the oldest goes first."""
    engine = Engine()

    with batching(engine) as batcher:
        calls = submit(batcher, 0)
        engine.await_begun()
        calls += submit(batcher, 1, group="b")
        calls += submit(batcher, 2, group="c")
        calls.append(batcher.submit("again", "b", 3))
        calls += submit(batcher, 4, group="b")
        engine.free()
        answers = results(calls)

    assert answers == [0, 2, 4, 6, 8]
    assert engine.batches == [[0], [1, 4], [2], [3]]


def test_free_workers_share_the_work() -> None:
    """Two idle workers take half of the calls each."""
    engine = Engine()

    with batching(engine, workers=2, most=8) as batcher:
        with batcher._changed:  # so that neither looks before all are there
            calls = submit(batcher, 1, 2, 3, 4)
        engine.await_begun()
        engine.await_begun()
        engine.free()
        results(calls)

    assert [len(batch) for batch in engine.batches] == [2, 2]


def test_sizes_limit_a_batch() -> None:
    """Calls of unlike lengths do not share one, nor calls that cost too much together."""
    engine = Engine()
    batcher = Batcher(
        {"double": engine.run},
        workers=1,
        max_batch={"double": MaxBatch(calls=9, spread=2, cost=10)},
        on_batch=lambda _: None,
    )

    with running(batcher):
        calls = submit(batcher, 0)
        engine.await_begun()
        for number, length, cost in ((1, 5, 4), (2, 8, 1), (3, 7, 4), (4, 3, 4), (5, 50, 99)):
            calls.append(batcher.submit("double", "a", number, Size(length=length, cost=cost)))
        engine.free()
        answers = results(calls)

    assert answers == [0, 2, 4, 6, 8, 10]
    assert engine.batches == [[0], [1, 3], [2], [4], [5]]


def test_a_spare_worker_takes_what_waited_long() -> None:
    """A call does not wait for a batch that does not end, but longer for the second such one."""
    engine = Engine()
    batcher = Batcher(
        {"double": engine.run},
        workers=1,
        spare=2,
        patience=0.05,
        max_batch={"double": MaxBatch(calls=1)},
        on_batch=lambda _: None,
    )

    with running(batcher):
        begun = time.perf_counter()
        calls = submit(batcher, 1, 2, 3)
        for _ in calls:
            engine.await_begun()
        waited = time.perf_counter() - begun
        engine.free()
        answers = results(calls)

    assert answers == [2, 4, 6]
    assert waited >= 2 * 0.05


def test_a_call_may_run_again_with_others() -> None:
    """What came while a call ran shares its next batch."""
    engine, sizes, outcomes = Engine(), list[int](), [True, False]

    def run(inputs: Sequence[Any]) -> Sequence[Any]:
        sizes.append(len(inputs))
        doubled = engine.run(inputs)
        return [AGAIN] * len(inputs) if outcomes.pop(0) else doubled

    batcher = Batcher(
        {"double": run}, workers=1, max_batch={"double": MaxBatch(calls=9)}, on_batch=lambda _: None
    )
    with running(batcher):
        first = submit(batcher, 1)
        engine.await_begun()
        assert not batcher.waits("double", "b", Size())
        others = submit(batcher, 2, 3)
        assert batcher.waits("double", "a", Size())
        engine.free()
        answers = results(first + others)

    assert answers == [2, 4, 6]
    assert sizes == [1, 3]


def test_a_cancelled_call_never_reaches_the_engine() -> None:
    """A call that is cancelled while queued is not run."""
    engine = Engine()

    with batching(engine) as batcher:
        first = submit(batcher, 0)
        engine.await_begun()
        (left,), stays = submit(batcher, 1), submit(batcher, 2)
        assert left.cancel()
        engine.free()
        results(first + stays)

    with pytest.raises(Abandoned):
        awaited(left)
    assert engine.batches == [[0], [2]]


def test_a_running_call_cannot_be_cancelled() -> None:
    """A call that runs is run to its end."""
    engine = Engine()

    with batching(engine) as batcher:
        (call,) = submit(batcher, 1)
        engine.await_begun()
        cancelled = call.cancel()
        engine.free()
        answer = call.result(timeout=SECONDS)

    assert not cancelled
    assert answer == 2


def test_one_bad_call_fails_alone() -> None:
    """The other calls of its batch are answered."""
    engine = Engine()

    with batching(engine) as batcher:
        first = submit(batcher, 0)
        engine.await_begun()
        good, (bad,), better = submit(batcher, 1), submit(batcher, None), submit(batcher, 3)
        engine.free()
        answers = results(first + good + better)

        with pytest.raises(TypeError):
            bad.result(timeout=SECONDS)
    assert answers == [0, 2, 6]
    assert engine.batches == [[0], [1, None, 3], [1], [None, 3], [None], [3]]


def test_one_bad_call_among_many() -> None:
    """It costs two further calls of the engine for each halving, not one for each call."""
    engine = Engine()

    with batching(engine, most=64) as batcher:
        first = submit(batcher, 0)
        engine.await_begun()
        calls = submit(batcher, *range(20), None, *range(21, 64))
        engine.free()
        answers = results(first + calls[:20] + calls[21:])

    assert answers == [0, *(2 * number for number in range(64) if number != 20)]
    assert len(engine.batches) == 1 + 1 + 2 * 6


def test_calls_that_are_cancelled_as_they_are_claimed() -> None:
    """The worker that found none of them left goes on with the next call."""
    engine = Engine()
    engine.free()

    class Leaving:
        def __eq__(self, _other: object) -> bool:
            for call in calls:
                call.cancel()
            return True

        def __hash__(self) -> int:
            return 0

    batcher = Batcher(
        {"double": engine.run},
        workers=1,
        max_batch={"double": MaxBatch(calls=2)},
        on_batch=lambda _: None,
    )
    calls = [batcher.submit("double", Leaving(), number) for number in (1, 2)]
    with running(batcher):
        for call in calls:
            with pytest.raises(Abandoned):
                awaited(call)
        answers = results(submit(batcher, 3))

    assert answers == [6]
    assert engine.batches == [[3]]


def test_a_fault_of_the_batcher_itself() -> None:
    """Its calls and those that wait fail, and it takes no others."""
    engine = Engine()

    def broken(_batch: Batch) -> None:
        raise KeyError("of a metric")

    with batching(engine, on_batch=broken) as batcher:
        running = submit(batcher, 1)
        engine.await_begun()
        waiting = submit(batcher, 2)
        engine.free()

        for call in (*running, *waiting):
            with pytest.raises(EngineDead, match="A thread of the engine failed"):
                call.result(timeout=SECONDS)
        assert batcher.closed
        with pytest.raises(EngineDead):
            submit(batcher, 3)


def test_an_engine_without_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may last for long, but not for long without progress."""
    engine, beats, now = Engine(), list[Callable[[], None]](), [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], perf_counter=time.perf_counter)
    monkeypatch.setattr(batching_module, "time", clock)
    monkeypatch.setattr(batch_calls, "time", clock)

    def run(inputs: Sequence[Any]) -> list[Any]:
        beats.append(batcher.beat())
        return engine.run(inputs)

    batcher = Batcher(
        {"double": run}, workers=1, max_batch={"double": MaxBatch(calls=1)}, on_batch=lambda _: None
    )
    with running(batcher):
        (call,) = submit(batcher, 1)
        engine.await_begun()
        now[0] = 9.0
        beats[0]()
        now[0] = 15.0
        batcher.give_up_if_stalled(10)
        assert not batcher.closed

        now[0] = 20.0
        batcher.give_up_if_stalled(10)

        assert batcher.closed
        with pytest.raises(EngineDead, match="no progress for 10 s"):
            call.result(timeout=SECONDS)
        engine.free()


def test_closing_with_little_patience() -> None:
    """A call that runs for longer fails, and its result is dropped."""
    engine = Engine()

    with batching(engine) as batcher:
        (call,) = submit(batcher, 1)
        engine.await_begun()
        batcher.close(patience=0.01)

        with pytest.raises(EngineDead, match="closed"):
            call.result(timeout=SECONDS)
        engine.free()


def test_closing_fails_waiting_calls() -> None:
    """Calls that wait when the engine closes fail."""
    engine = Engine()
    ended = threading.Event()

    with batching(engine) as batcher:
        running = submit(batcher, 0)
        engine.await_begun()
        waiting = submit(batcher, 1)
        threading.Thread(target=lambda: (ended.wait(SECONDS), engine.free())).start()
        ended.set()

    assert results(running) == [0]
    assert all(call.done() for call in waiting)
    with pytest.raises(EngineDead):
        submit(batcher, 2)


def test_closing_skips_cancelled_calls() -> None:
    """A call that was cancelled while queued does not disturb the closing."""
    engine = Engine()

    with batching(engine) as batcher:
        (first,) = submit(batcher, 1)
        engine.await_begun()
        (second,) = submit(batcher, 2)
        second.cancel()
        engine.free()

    assert awaited(first) == 2
    assert second.cancelled()


def test_batches_are_reported() -> None:
    """`on_batch` gets the size of a batch, and how long each of its calls waited."""
    engine, reported = Engine(), list[Batch]()

    with batching(engine, on_batch=reported.append) as batcher:
        calls = submit(batcher, 0)
        engine.await_begun()
        calls += submit(batcher, 1, 2)
        engine.free()
        results(calls)

    assert [(batch.call, batch.size, len(batch.waited)) for batch in reported] == [
        ("double", 1, 1),
        ("double", 2, 2),
    ]
    assert all(seconds >= 0 for batch in reported for seconds in (*batch.waited, batch.took))


def test_a_failing_engine_is_reported() -> None:
    """A lost device shows until a call succeeds; a call with wrong inputs does not."""
    outcomes: list[Exception | None] = [ValueError("no"), RuntimeError("lost"), None]
    seen = []

    def run(inputs: Sequence[Any]) -> list[Any]:
        if error := outcomes.pop(0):
            raise error
        return list(inputs)

    batcher = Batcher(
        {"call": run}, workers=1, max_batch={"call": MaxBatch(calls=1)}, on_batch=lambda _: None
    )
    with running(batcher):
        for _ in range(3):
            batcher.submit("call", None, 1).exception(timeout=SECONDS)
            seen.append(batcher.failing)

    assert seen == [False, True, False]
