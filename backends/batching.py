"""Merges calls of many threads into batches; knows neither engines nor their calls.

A worker that becomes free takes the oldest waiting call and the calls that can share a batch with
it. So batches grow with the load, and a lone call never waits for others. Spare workers, if there
are any, take calls that have waited long, so that a long batch does not block those behind it.

A batcher ends for good when its engine is lost, one of its threads fails, or a call of the engine
stalls: all calls then fail with EngineDead, and it takes no others. Another one replaces it.
"""

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from math import ceil
from typing import Any

from backends.base import Batch
from backends.batch_calls import ANY_SIZE, Call, MaxBatch, Run, Size
from backends.batch_runs import BatchRunner, EngineLost, RunBatch
from backends.failures import EngineDead

log = logging.getLogger(__name__)


def _never(_error: Exception) -> bool:
    return False


class Batcher:
    """Worker threads that run the calls of other threads, several of one kind and group at once."""

    def __init__(
        self,
        kinds: Mapping[str, RunBatch],
        *,
        workers: int,
        max_batch: Mapping[str, MaxBatch],
        on_batch: Callable[[Batch], None],
        name: str = "engine",
        is_lost: Callable[[Exception], bool] = _never,
        spare: int = 0,
        patience: float = 0.0,
    ) -> None:
        """Take a function for each kind of call, and the largest batch of each kind.

        While all *workers* are busy, one of *spare* more takes a call that has waited for
        *patience* seconds, the next for twice as long, and so on. *on_batch* is called in a worker
        thread after every call of the engine. *is_lost* returns whether an error of the engine
        means that all further calls would fail too. *name* is the model's, for the log.
        """
        self._runner = BatchRunner(
            kinds, name=name, is_lost=is_lost, requeue=self._requeue, on_batch=self._report
        )
        self._on_batch = on_batch
        self._name = name
        self._max_batch = max_batch
        self._waiting: list[Call] = []
        self._running: dict[threading.Thread, Run] = {}
        self._free = workers
        """Workers without a batch; negative while spare ones have one."""
        self._patience = patience
        self._closed = False
        self._changed = threading.Condition()
        self._workers = [
            threading.Thread(target=self._work, daemon=True) for _ in range(workers + spare)
        ]

    @property
    def failing(self) -> bool:
        """True if all calls of the last batch failed, and not through their own inputs."""
        return self._runner.failing

    @property
    def closed(self) -> bool:
        """True once no call is answered any more."""
        return self._closed

    def start(self) -> None:
        """Answer calls from now on, those that were queued before too."""
        for worker in self._workers:
            worker.start()

    def close(self, *, patience: float | None = None) -> None:
        """Take no more calls and let those end that run; those that wait fail with EngineDead.

        A thread gets *patience* seconds to end, None: as long as it needs. Then its calls fail too.
        A thread that stalls gets none.
        """
        closed = EngineDead("The engine was closed.")
        self._end(closed)
        for worker in self._workers:
            run = self._running.get(worker)
            if run is None or not run.stalled:
                worker.join(patience)
            if run is not None and worker.is_alive():
                _fail(run.batch, closed)

    def give_up_if_stalled(self, limit: float) -> None:
        """End for good if the engine has made no progress with a batch for *limit* seconds."""
        with self._changed:
            runs = list(self._running.values())
        for run in runs:
            if not self._closed and time.monotonic() - run.since > limit:
                run.stalled = True
                log.error("%s: the engine makes no progress: given up", self._name)
                self._end(EngineDead(f"The engine made no progress for {limit:g} s."), run)

    def beat(self) -> Callable[[], None]:
        """Return a function that notes progress with the batch of this worker thread.

        Any thread may call it. Without it, only the end of a call of the engine is progress.
        """
        return self._running[threading.current_thread()].beat

    def submit(
        self, kind: str, group: Hashable, inputs: Any, size: Size = ANY_SIZE
    ) -> "Future[Any]":
        """Queue a call and return its future, which may be cancelled while the call waits.

        Calls of the same *kind* and *group* may run as one batch. So *group* must contain
        everything that they have to share: each value that the kind's function takes from one
        call of the batch and applies to all, and each shape that has to be equal.

        Raises EngineDead once the batcher is closed.
        """
        return self.submit_all(kind, group, [inputs], size)[0]

    def submit_all(
        self, kind: str, group: Hashable, inputs: Sequence[Any], size: Size = ANY_SIZE
    ) -> "list[Future[Any]]":
        """Queue several calls at once, as `submit` queues one."""
        calls = [Call(kind, group, each, size) for each in inputs]
        with self._changed:
            self.refuse_if_closed()
            self._waiting += calls
            self._changed.notify(len(calls))
        return [call.future for call in calls]

    def refuse_if_closed(self) -> None:
        """Raise EngineDead once the batcher is closed."""
        if self._closed:
            raise EngineDead("The engine is closed.")

    def waits(self, kind: str, group: Hashable, size: Size) -> bool:
        """Return whether a call waits that can share a batch with such a one."""
        call = Call(kind, group, None, size)
        with self._changed:
            return any(self._can_share(call, other) for other in self._waiting)

    # ── the workers ───────────────────────────────────────────────────────────

    def _work(self) -> None:
        thread = threading.current_thread()
        try:
            while self._next_batch():
                if batch := self._running[thread].batch:
                    self._runner.run(batch)
                with self._changed:
                    self._free += 1
                    del self._running[thread]
        except EngineLost as lost:
            log.error("%s: the engine is lost: %s", self._name, lost)  # noqa: TRY400
            self._end(
                EngineDead("The engine failed; the server's log has the reason."),
                self._running[thread],
            )
        # The thread ends here by a fault that nobody foresaw, and requests wait for it.
        except BaseException:
            log.exception("%s: a thread of the engine failed", self._name)
            dead = EngineDead("A thread of the engine failed; the server's log has the reason.")
            self._end(dead, self._running.get(thread))

    def _end(self, error: EngineDead, run: Run | None = None) -> None:
        """Take no more calls; those that wait, and those of *run*, fail with *error*."""
        with self._changed:
            self._closed = True
            calls, self._waiting = self._waiting, []
            self._changed.notify_all()
        _fail(calls + (run.batch if run else []), error)

    def _next_batch(self) -> bool:
        """Wait for calls and claim a batch for this thread; return False once closed.

        The batch is empty if all of its calls were cancelled just now.
        """
        with self._changed:
            while not self._closed:
                # Calls that were cancelled while they waited never reach the engine.
                self._waiting = [call for call in self._waiting if not call.future.cancelled()]
                patience = self._remaining_patience()
                if patience is not None and patience <= 0:
                    break
                self._changed.wait(patience)
            if self._closed:
                return False
            self._running[threading.current_thread()] = run = Run()
            for call in self._claim():
                run.batch.append(call)
            self._free -= 1
            if self._waiting:
                self._changed.notify()
        return True

    def _remaining_patience(self) -> float | None:
        """Return the seconds until the oldest call may be claimed; None if no call waits."""
        if not self._waiting:
            return None
        if self._free > 0:
            return 0.0
        waited = time.perf_counter() - self._waiting[0].since
        return self._patience * (1 - self._free) - waited

    def _claim(self) -> Iterator[Call]:
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

    def _can_share(self, one: Call, other: Call) -> bool:
        most = self._max_batch[one.kind]
        return (one.kind, one.group) == (other.kind, other.group) and (
            abs(one.size.length - other.size.length) <= most.spread
        )

    def _requeue(self, batch: list[Call]) -> None:
        with self._changed:
            self._waiting[:0] = batch
        if self._closed:
            self._end(EngineDead("The engine was closed."))

    def _report(self, batch: Batch) -> None:
        self.beat()()
        self._on_batch(batch)


def _fail(calls: list[Call], error: EngineDead) -> None:
    for call in calls:
        call.fail(error)
