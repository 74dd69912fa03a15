"""Merges calls of many threads into batches; knows neither engines nor their calls.

A worker that becomes free takes the oldest waiting call and the calls that can share a batch with
it. So batches grow with the load, and a lone call never waits for others. Spare workers, if there
are any, take calls that have waited long, so that a long batch does not block those behind it.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from typing import Any

from backends.base import Batch
from backends.failures import EngineDead

log = logging.getLogger(__name__)

RunBatch = Callable[[Sequence[Any]], Sequence[Any]]
"""Returns a result for each input of one batch, in their order, or `AGAIN` for all of them."""

AGAIN = object()
"""The result of a call that is to run again, at once, together with those that wait."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a call is, in units that its kind chooses."""

    length: int = 0
    """Calls share a batch only if their lengths differ by at most `MaxBatch.spread`."""
    cost: int = 0
    """Calls share a batch only if the sum of their costs is at most `MaxBatch.cost`."""


_ANY_SIZE = Size()


@dataclass(frozen=True, kw_only=True)
class MaxBatch:
    """The largest batch of one kind of calls. A call that exceeds a limit by itself runs alone."""

    calls: int
    spread: int = 0
    cost: int = 0


@dataclass(eq=False)
class _Call:
    kind: str
    group: Hashable
    inputs: Any
    size: Size
    future: "Future[Any]" = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)

    def claim(self) -> bool:
        """Return False if the call was cancelled; else it can no longer be."""
        # A call that runs again was claimed before.
        return self.future.running() or self.future.set_running_or_notify_cancel()


class Batcher:
    """Worker threads that run the calls of other threads, several of one kind and group at once."""

    def __init__(
        self,
        kinds: Mapping[str, RunBatch],
        *,
        workers: int,
        max_batch: Mapping[str, MaxBatch],
        on_batch: Callable[[Batch], None],
        spare: int = 0,
        patience: float = 0.0,
    ) -> None:
        """Take a function for each kind of call, and the largest batch of each kind.

        While all *workers* are busy, one of *spare* more takes a call that has waited for
        *patience* seconds, the next for twice as long, and so on. *on_batch* is called in a worker
        thread after every batch that succeeded.
        """
        self._kinds = kinds
        self._max_batch = max_batch
        self._on_batch = on_batch
        self.failing = False
        """True if the last call failed through the engine and not through its own inputs."""
        self._waiting: list[_Call] = []
        self._free = workers
        """Workers without a batch; negative while spare ones have one."""
        self._patience = patience
        self._closed = False
        self._changed = threading.Condition()
        self._workers = [
            threading.Thread(target=self._work, daemon=True) for _ in range(workers + spare)
        ]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer calls until the block ends; calls that still wait then fail with EngineDead."""
        for worker in self._workers:
            worker.start()
        try:
            yield
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            for worker in self._workers:
                worker.join()
            for call in self._waiting:
                # Setting an exception on a cancelled future would raise here.
                if call.claim():
                    call.future.set_exception(EngineDead("The engine was closed."))

    def submit(
        self, kind: str, group: Hashable, inputs: Any, size: Size = _ANY_SIZE
    ) -> "Future[Any]":
        """Queue a call and return its future, which may be cancelled while the call waits.

        Calls of the same *kind* and *group* may run as one batch. So *group* must contain
        everything that they have to share: each value that the kind's function takes from one
        call of the batch and applies to all, and each shape that has to be equal.

        Raises EngineDead once the batcher is closed.
        """
        return self.submit_all(kind, group, [inputs], size)[0]

    def submit_all(
        self, kind: str, group: Hashable, inputs: Sequence[Any], size: Size = _ANY_SIZE
    ) -> "list[Future[Any]]":
        """Queue several calls at once, as `submit` queues one."""
        calls = [_Call(kind, group, each, size) for each in inputs]
        with self._changed:
            if self._closed:
                raise EngineDead("The engine is closed.")
            self._waiting += calls
            self._changed.notify(len(calls))
        return [call.future for call in calls]

    def waits(self, kind: str, group: Hashable, size: Size) -> bool:
        """Return whether a call waits that can share a batch with such a one."""
        call = _Call(kind, group, None, size)
        with self._changed:
            return any(self._can_share(call, other) for other in self._waiting)

    # ── the workers ───────────────────────────────────────────────────────────

    def _work(self) -> None:
        while batch := self._next_batch():
            self._run(batch)
            with self._changed:
                self._free += 1

    def _next_batch(self) -> list[_Call]:
        """Wait for calls and claim a batch of them; return an empty list once closed."""
        with self._changed:
            while not self._closed:
                # Calls that were cancelled while they waited never reach the engine.
                self._waiting = [call for call in self._waiting if not call.future.cancelled()]
                patience = self._remaining_patience()
                if patience is not None and patience <= 0:
                    break
                self._changed.wait(patience)
            if self._closed:
                return []
            batch = list(self._claim())
            self._free -= 1
            if self._waiting:
                self._changed.notify()
        return batch

    def _remaining_patience(self) -> float | None:
        """Return the seconds until the oldest call may be claimed; None if no call waits."""
        if not self._waiting:
            return None
        if self._free > 0:
            return 0.0
        waited = time.perf_counter() - self._waiting[0].since
        return self._patience * (1 - self._free) - waited

    def _claim(self) -> Iterator[_Call]:
        oldest = self._waiting[0]
        alike = [call for call in self._waiting if self._can_share(oldest, call)]
        most = self._max_batch[oldest.kind]
        # Free workers share the calls: two small batches side by side end earlier than a large one.
        share = min(most.calls, ceil(len(alike) / max(self._free, 1)))
        cost = 0
        for call in islice(alike, share):
            cost += call.size.cost
            if call is not oldest and cost > most.cost:
                break
            self._waiting.remove(call)
            if call.claim():
                yield call

    def _can_share(self, one: _Call, other: _Call) -> bool:
        most = self._max_batch[one.kind]
        return (one.kind, one.group) == (other.kind, other.group) and (
            abs(one.size.length - other.size.length) <= most.spread
        )

    def _run(self, batch: list[_Call]) -> None:
        started = time.perf_counter()
        kind = batch[0].kind
        try:
            results = self._kinds[kind]([call.inputs for call in batch])
        # Any failure is raised in the threads that wait for the calls.
        except Exception as error:  # noqa: BLE001
            self._fail(batch, error)
            return
        took = time.perf_counter() - started
        self.failing = False
        if results[0] is AGAIN:
            with self._changed:
                self._waiting[:0] = batch
            return
        waited = tuple(started - call.since for call in batch)
        # Before the results are set, so that a caller with a result finds its batch counted.
        self._on_batch(Batch(call=kind, size=len(batch), waited=waited, took=took))
        for call, result in zip(batch, results, strict=True):
            call.future.set_result(result)

    def _fail(self, batch: list[_Call], error: Exception) -> None:
        if len(batch) == 1:
            # These two mean wrong inputs, the caller's fault; anything else is the engine's.
            self.failing = not isinstance(error, (ValueError, TypeError))
            batch[0].future.set_exception(error)
            return
        # One bad call must not fail the others of its batch.
        log.warning("a batch of %d failed (%s): running its calls alone", len(batch), error)
        for call in batch:
            self._run([call])
