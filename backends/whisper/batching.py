"""Merges calls of many threads into batches, without timers; knows neither engines nor Whisper.

A worker that becomes free takes the oldest waiting call and the calls that can share a batch with
it. So batches grow with the load, and a lone call never waits for others.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from typing import Any

from backends.base import Batch
from backends.failures import EngineDead

log = logging.getLogger(__name__)

RunBatch = Callable[[Sequence[Any]], Sequence[Any]]
"""Returns a result for each input of one batch, in their order."""


@dataclass(eq=False)
class _Call:
    kind: str
    group: Hashable
    inputs: Any
    future: "Future[Any]" = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)


class Batcher:
    """Worker threads that run the calls of other threads, several of one kind and group at once."""

    def __init__(
        self,
        kinds: Mapping[str, RunBatch],
        *,
        workers: int,
        max_batch: Mapping[str, int],
        on_batch: Callable[[Batch], None],
    ) -> None:
        """Take a function for each kind of call, and the most calls of each kind in one batch.

        *on_batch* is called in a worker thread after every batch that succeeded.
        """
        self._kinds = kinds
        self._max_batch = max_batch
        self._on_batch = on_batch
        self.failing = False
        """True if the last call failed through the engine and not through its own inputs."""
        self._waiting: list[_Call] = []
        self._idle = 0
        self._closed = False
        self._changed = threading.Condition()
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]

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
                if call.future.set_running_or_notify_cancel():
                    call.future.set_exception(EngineDead("The engine was closed."))

    def submit(self, kind: str, group: Hashable, inputs: Any) -> "Future[Any]":
        """Queue a call and return its future, which may be cancelled while the call waits.

        Calls of the same *kind* and *group* may run as one batch. So *group* must contain
        everything that they have to share: each value that the kind's function takes from one
        call of the batch and applies to all, and each shape that has to be equal.

        Raises EngineDead once the batcher is closed.
        """
        call = _Call(kind, group, inputs)
        with self._changed:
            if self._closed:
                raise EngineDead("The engine is closed.")
            self._waiting.append(call)
            self._changed.notify()
        return call.future

    # ── the workers ───────────────────────────────────────────────────────────

    def _work(self) -> None:
        while batch := self._next_batch():
            self._run(batch)

    def _next_batch(self) -> list[_Call]:
        """Wait for calls and claim a batch of them; return an empty list once closed."""
        with self._changed:
            self._idle += 1
            while not self._closed:
                # Calls that were cancelled while they waited never reach the engine.
                self._waiting = [call for call in self._waiting if not call.future.cancelled()]
                if self._waiting:
                    break
                self._changed.wait()
            batch = [] if self._closed else list(self._claim())
            self._idle -= 1
        return batch

    def _claim(self) -> Iterator[_Call]:
        oldest = self._waiting[0]
        alike = [c for c in self._waiting if (c.kind, c.group) == (oldest.kind, oldest.group)]
        # Idle workers share the calls: two small batches side by side end earlier than a large one.
        share = min(self._max_batch[oldest.kind], ceil(len(alike) / self._idle))
        for call in islice(alike, share):
            self._waiting.remove(call)
            # From here on the call can no longer be cancelled.
            if call.future.set_running_or_notify_cancel():
                yield call

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


def awaited(future: "Future[Any]") -> Any:
    """Wait for *future* and return its result.

    Raises what the call raised, or Abandoned if it was cancelled while queued.
    """
    try:
        return future.result()
    except CancelledError as error:
        raise Abandoned from error


class Abandoned(Exception):
    """The client has left, so nobody needs the result: ends the work in the request's thread.

    It is raised in that thread only, by a call that was cancelled while queued and by each call or
    check after the request was cancelled. It never reaches a client.
    """
