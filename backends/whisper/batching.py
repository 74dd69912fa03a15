"""Calls of many threads, merged into batches: no timer, no engine, no Whisper in here.

A worker that becomes free takes the oldest waiting call and what can share a batch with it, so that
batches grow with the load by themselves and a lone call never waits for company.
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

Run = Callable[[Sequence[Any]], Sequence[Any]]
"""Answers several inputs of one group at once, in their order."""


@dataclass(eq=False)
class _Call:
    kind: str
    group: Hashable
    """Calls of one kind and group can share a batch."""
    given: Any
    answer: "Future[Any]" = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)


class Batcher:
    """Threads that run the calls of others, several of a kind at once."""

    def __init__(
        self,
        kinds: Mapping[str, Run],
        *,
        workers: int,
        max_batch: Mapping[str, int],
        on_batch: Callable[[Batch], None],
    ) -> None:
        self._kinds = kinds
        self._max_batch = max_batch
        self._on_batch = on_batch
        self.failing = False
        """Whether the last call failed, and not through a fault of its own."""
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
                # One that was cancelled has nobody to raise it to.
                if call.answer.set_running_or_notify_cancel():
                    call.answer.set_exception(EngineDead("The engine was closed."))

    def submit(self, kind: str, group: Hashable, given: Any) -> "Future[Any]":
        """Queue a call; cancel the future to take it back. Raises EngineDead after the end."""
        call = _Call(kind, group, given)
        with self._changed:
            if self._closed:
                raise EngineDead("The engine is closed.")
            self._waiting.append(call)
            self._changed.notify()
        return call.answer

    # ── the workers ───────────────────────────────────────────────────────────

    def _work(self) -> None:
        while batch := self._take():
            self._answer(batch)

    def _take(self) -> list[_Call]:
        """Wait for calls and claim a batch of them; return none at the end."""
        with self._changed:
            self._idle += 1
            while not self._closed:
                # A future that was cancelled while it waited is dropped here, unseen by the engine.
                self._waiting = [call for call in self._waiting if not call.answer.cancelled()]
                if self._waiting:
                    break
                self._changed.wait()
            batch = [] if self._closed else list(self._claim())
            self._idle -= 1
        return batch

    def _claim(self) -> Iterator[_Call]:
        oldest = self._waiting[0]
        alike = [c for c in self._waiting if (c.kind, c.group) == (oldest.kind, oldest.group)]
        # Shared out among the workers that are free: two small batches side by side end earlier.
        share = min(self._max_batch[oldest.kind], ceil(len(alike) / self._idle))
        for call in islice(alike, share):
            self._waiting.remove(call)
            # From here on it cannot be cancelled any more.
            if call.answer.set_running_or_notify_cancel():
                yield call

    def _answer(self, batch: list[_Call]) -> None:
        started = time.perf_counter()
        kind = batch[0].kind
        try:
            results = self._kinds[kind]([call.given for call in batch])
        # The calls' threads have to be told, whatever it was: they raise it where they wait.
        except Exception as error:  # noqa: BLE001
            self._fail(batch, error)
            return
        took = time.perf_counter() - started
        self.failing = False
        waited = tuple(started - call.since for call in batch)
        # Before the calls are answered: who has an answer finds its batch counted.
        self._on_batch(Batch(call=kind, size=len(batch), waited=waited, took=took))
        for call, result in zip(batch, results, strict=True):
            call.answer.set_result(result)

    def _fail(self, batch: list[_Call], error: Exception) -> None:
        if len(batch) == 1:
            # A call that can never be made is the caller's fault; anything else is the engine's.
            self.failing = not isinstance(error, (ValueError, TypeError))
            batch[0].answer.set_exception(error)
            return
        # One bad call must not fail its neighbours.
        log.warning("a batch of %d failed (%s): running its calls alone", len(batch), error)
        for call in batch:
            self._answer([call])


def awaited(answer: "Future[Any]") -> Any:
    """Wait for *answer*; raise what the call raised, or Abandoned if it was taken back."""
    try:
        return answer.result()
    except CancelledError as error:
        raise Abandoned from error


class Abandoned(Exception):
    """Nobody wants the answer any more: ends the thread that was working on it."""
