"""Calls of many threads in few batches: what shares one, what does not, and who waits for whom."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from backends.base import Batch
from backends.failures import EngineDead
from backends.whisper.batching import Abandoned, Batcher, awaited

SECONDS = 20.0
"""After which a test that hangs fails."""


class Engine:
    """Doubles numbers; holds every batch until it is let go, and remembers it."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.let_go = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)

    def run(self, given: Sequence[Any]) -> list[Any]:
        """Double all; refuse what is no number."""
        self.batches.append(list(given))
        self.begun.release()
        assert self.let_go.acquire(timeout=SECONDS)
        return [2 * number for number in given]

    def await_begun(self) -> None:
        """Wait for the next batch to be in the engine."""
        assert self.begun.acquire(timeout=SECONDS)

    def free(self, batches: int = 100) -> None:
        """Hold so many batches no longer."""
        self.let_go.release(batches)


@contextmanager
def batching(
    engine: Engine, *, workers: int = 1, most: int = 4, told: Callable[[Batch], None] | None = None
) -> Iterator[Batcher]:
    """Run a batcher over *engine*."""
    batcher = Batcher(
        {"double": engine.run, "again": engine.run},
        workers=workers,
        max_batch={"double": most, "again": most},
        on_batch=told or (lambda _: None),
    )
    with batcher.running():
        yield batcher


def submit(batcher: Batcher, *numbers: Any, group: str = "a") -> "list[Future[Any]]":
    """Queue calls of one group."""
    return [batcher.submit("double", group, number) for number in numbers]


def results(calls: "list[Future[Any]]") -> list[Any]:
    """Wait for the answers."""
    return [call.result(timeout=SECONDS) for call in calls]


def test_a_lone_call_waits_for_nobody() -> None:
    """An engine that is free takes what there is."""
    engine = Engine()
    engine.free()

    with batching(engine) as batcher:
        found = results(submit(batcher, 1))

    assert found == [2]
    assert engine.batches == [[1]]


def test_what_waits_is_taken_together() -> None:
    """While the engine is busy calls gather; as many as a batch holds go in at once, in order."""
    engine = Engine()

    with batching(engine, most=4) as batcher:
        calls = submit(batcher, 0)
        engine.await_begun()
        calls += submit(batcher, 1, 2, 3, 4, 5)
        engine.free()
        found = results(calls)

    assert found == [0, 2, 4, 6, 8, 10]
    assert engine.batches == [[0], [1, 2, 3, 4], [5]]


def test_groups_and_kinds_do_not_mix() -> None:
    """Only calls that can share a batch do; the oldest goes first."""
    engine = Engine()

    with batching(engine) as batcher:
        calls = submit(batcher, 0)
        engine.await_begun()
        calls += submit(batcher, 1, group="b")
        calls += submit(batcher, 2, group="c")
        calls.append(batcher.submit("again", "b", 3))
        calls += submit(batcher, 4, group="b")
        engine.free()
        found = results(calls)

    assert found == [0, 2, 4, 6, 8]
    assert engine.batches == [[0], [1, 4], [2], [3]]


def test_free_workers_share_the_work() -> None:
    """Two workers that are free take half each, instead of one taking all."""
    engine = Engine()

    with batching(engine, workers=2, most=8) as batcher:
        while batcher._idle < 2:
            os.sched_yield()
        with batcher._changed:  # so that neither looks before all are there
            calls = submit(batcher, 1, 2, 3, 4)
        engine.await_begun()
        engine.await_begun()
        engine.free()
        results(calls)

    assert [len(batch) for batch in engine.batches] == [2, 2]


def test_a_call_taken_back_never_reaches_the_engine() -> None:
    """Who stops waiting costs nothing."""
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


def test_a_call_in_the_engine_cannot_be_taken_back() -> None:
    """What runs, runs to its end."""
    engine = Engine()

    with batching(engine) as batcher:
        (call,) = submit(batcher, 1)
        engine.await_begun()
        taken_back = call.cancel()
        engine.free()
        found = call.result(timeout=SECONDS)

    assert not taken_back
    assert found == 2


def test_one_bad_call_fails_alone() -> None:
    """Its neighbours in the batch are answered."""
    engine = Engine()

    with batching(engine) as batcher:
        first = submit(batcher, 0)
        engine.await_begun()
        good, (bad,), better = submit(batcher, 1), submit(batcher, None), submit(batcher, 3)
        engine.free()
        found = results(first + good + better)

        with pytest.raises(TypeError):
            bad.result(timeout=SECONDS)
    assert found == [0, 2, 6]


def test_the_end_fails_what_still_waits() -> None:
    """Nobody waits for an engine that was closed."""
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


def test_the_end_passes_over_what_was_taken_back() -> None:
    """A call that was cancelled while it waited is nobody's when the engine is closed."""
    engine = Engine()

    with batching(engine) as batcher:
        (first,) = submit(batcher, 1)
        engine.await_begun()
        (second,) = submit(batcher, 2)
        second.cancel()
        engine.free()

    assert awaited(first) == 2
    assert second.cancelled()


def test_batches_are_told() -> None:
    """Their size, and how long each call waited."""
    engine, told = Engine(), list[Batch]()

    with batching(engine, told=told.append) as batcher:
        calls = submit(batcher, 0)
        engine.await_begun()
        calls += submit(batcher, 1, 2)
        engine.free()
        results(calls)

    assert [(batch.call, batch.size, len(batch.waited)) for batch in told] == [
        ("double", 1, 1),
        ("double", 2, 2),
    ]
    assert all(seconds >= 0 for batch in told for seconds in (*batch.waited, batch.took))


def test_an_engine_that_fails_is_known_to_fail() -> None:
    """A lost device shows, until a call succeeds; a call that can never be made does not."""
    outcomes: list[Exception | None] = [ValueError("no"), RuntimeError("lost"), None]
    seen = []

    def run(given: Sequence[Any]) -> list[Any]:
        if error := outcomes.pop(0):
            raise error
        return list(given)

    batcher = Batcher({"call": run}, workers=1, max_batch={"call": 1}, on_batch=lambda _: None)
    with batcher.running():
        for _ in range(3):
            batcher.submit("call", None, 1).exception(timeout=SECONDS)
            seen.append(batcher.failing)

    assert seen == [False, True, False]
