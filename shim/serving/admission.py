"""Limits how many requests of one model run and wait, and refuses those beyond."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from types import AsyncGeneratorType
from typing import Any, TypeVar, cast

from shim.errors import (
    ApiError,
    DeadlineExceeded,
    QueueFull,
    RequestTooLong,
    ServerStopping,
    WaitTooLong,
)

from .deadline import DEADLINE, Deadline
from .observer import NoObserver, Observer
from .request_record import CURRENT
from .retry_schedule import RetrySchedule
from .slots import Slots
from .start_limiter import StartLimiter

T = TypeVar("T")

_PATIENCE = 2.0
"""A request is refused if its wait is predicted to be this many times as long as its client waits.
Less would refuse some that get their turn: a prediction is wrong by up to a half, requests before
it disconnect, and a client that times out can come back to its place."""

_Task = asyncio.Task[Any]
_Admitted = AsyncGenerator[Any, None]


class Admission:
    """A bounded queue in front of one backend.

    At most *max_running* requests have a slot; at most *max_waiting* more wait for one, in order.
    Lines of batches get the slots that no client waits for. They do not count in *max_waiting*, and
    are not refused as too many: what runs a batch bounds them.
    """

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self._slots = Slots(max_running)
        self.max_running = max_running
        """Most requests that have a slot."""
        self.max_waiting = max_waiting
        """Most requests that wait. It may change at any time; those that wait already stay."""
        self._starts = StartLimiter()
        self._waiting: dict[_Admitted, _Task] = {}
        self._waiting_lines: dict[_Admitted, _Task] = {}
        self._running: dict[_Admitted, _Task] = {}
        self._running_lines = 0
        self._interrupted: dict[_Task, ApiError] = {}
        """Tasks that this queue has cancelled, each with the error that ends its request."""
        self._ended: dict[_Admitted, ApiError] = {}
        """Requests that run and have been ended: they fail at their next item at the latest."""
        self.draining = False
        """Whether new requests are refused because the server stops."""
        self._retries = RetrySchedule(max_running)

    def resize(self, max_running: int) -> None:
        """Let *max_running* requests run at once, from now on; those that run already end as ever.

        The rate at which they end is measured anew.
        """
        if max_running != self.max_running:
            self.max_running = max_running
            self._slots.resize(max_running)
            self._retries = RetrySchedule(max_running)

    @property
    def capacity(self) -> int:
        """Most requests that may run and wait at the same time."""
        return self.max_running + self.max_waiting

    @property
    def running(self) -> int:
        """How many requests have a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many requests of clients wait for a slot."""
        return len(self._waiting)

    @property
    def waiting_lines(self) -> int:
        """How many requests of lines of batches wait for a slot."""
        return len(self._waiting_lines)

    def admit(
        self, items: AsyncGenerator[T, None], observer: Observer | None = None
    ) -> AsyncGenerator[T, None]:
        """Return a generator that waits for a slot, then yields *items*; *observer* measures it.

        At its first item it raises QueueFull if the queue is full, WaitTooLong or DeadlineExceeded
        if the request cannot start before its `DEADLINE`, ServerStopping after `drain`; at any item
        RequestTooLong after its end, ServerStopping after `stop`. It gives the slot back when it
        ends or is closed. The generator holds the slot, and not a Litestar dependency, because
        Litestar ends dependencies before it streams the body of a response.
        """
        # The generator is the key of its own entry in `_waiting` and `_running`.
        admitted = self._admit(items, lambda: admitted, observer or NoObserver())
        return admitted

    async def _admit(
        self,
        items: AsyncGenerator[T, None],
        itself: Callable[[], _Admitted],
        observer: Observer,
    ) -> AsyncGenerator[T, None]:
        task = cast("_Task", asyncio.current_task())
        admitted = itself()
        deadline = DEADLINE.get()
        in_batch = (record := CURRENT.get()) is not None and record.batch is not None
        # One generator for admission and measurement: another around it costs 5 % of a stream.
        with observer, self._ending(admitted, deadline.end_by, _too_long):
            await self._take_slot(admitted, task, deadline, in_batch=in_batch)
            self._running[admitted] = task
            self._running_lines += in_batch
            try:
                await self._starts.wait()
                observer.started()
                skipped = observer.skipped
                async with aclosing(items):
                    async for item in items:
                        if type(item) not in skipped:
                            observer.add(item)
                        yield item
                        if self._ended and admitted in self._ended:
                            raise self._ended[admitted]
            except asyncio.CancelledError:
                self._raise_if_interrupted(task)
                raise
            finally:
                self._running_lines -= in_batch
                self._give_slot(admitted)

    async def _take_slot(
        self, admitted: _Admitted, task: _Task, deadline: Deadline, *, in_batch: bool
    ) -> None:
        if self.draining:
            raise _stopping()
        if not self._slots.all_taken:
            self._slots.take()
            if self._slots.all_taken:
                self._retries.busy_from_now()
            return
        if not in_batch:
            self.refuse_if_full()
            self._refuse_if_late(deadline)
        waiting = self._waiting_lines if in_batch else self._waiting
        waiting[admitted] = task
        try:
            with self._ending(admitted, deadline.start_by, _too_late):
                await self._slots.wait(in_batch=in_batch)
        except asyncio.CancelledError:
            self._raise_if_interrupted(task)
            raise
        finally:
            del waiting[admitted]

    def _give_slot(self, admitted: _Admitted) -> None:
        del self._running[admitted]
        self._ended.pop(admitted, None)
        if self._slots.all_taken:
            self._retries.one_ended()
        self._slots.release()

    @property
    def full(self) -> bool:
        """Whether a client's request that came now would be refused.

        Where a line of a batch has a slot, one more may wait: batches take no place from clients.
        """
        return self._slots.all_taken and self.waiting >= self.max_waiting + self._running_lines

    def refuse_if_full(self) -> None:
        """Raise QueueFull if the queue is full."""
        if self.full:
            raise QueueFull(
                f"{len(self._waiting)} requests are already waiting for this model.",
                retry_after=self._retries.reserve(),
            )

    def _refuse_if_late(self, deadline: Deadline) -> None:
        """Raise WaitTooLong if a request that came now would wait far beyond its deadline."""
        if deadline.answer_by is None:
            return
        wait = self._retries.predicted(len(self._waiting) + 1)
        left = max(deadline.answer_by - time.monotonic(), 0.0)
        if wait is not None and wait > _PATIENCE * left:
            raise WaitTooLong(
                f"{len(self._waiting)} requests are waiting for this model, and this one would "
                f"wait for about {wait:.0f} s: its client only waits for {left:.0f} s.",
                retry_after=wait - left + self._retries.reserve(),
            )

    def drain(self) -> None:
        """Fail the requests that wait, and every later one, with ServerStopping."""
        self.draining = True
        for admitted in (*self._waiting, *self._waiting_lines):
            self._end(admitted, _stopping)

    def stop(self) -> None:
        """Do what `drain` does, and fail the requests that run."""
        self.drain()
        for admitted in self._running:
            self._end(admitted, _stopping)

    @contextmanager
    def _ending(
        self, admitted: _Admitted, at: float | None, error: Callable[[], ApiError]
    ) -> Iterator[None]:
        """End a request with *error* at the time *at* (`time.monotonic`), if the block still runs.

        None is never.
        """
        if at is None:
            yield
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(at - time.monotonic(), self._end, admitted, error)
        try:
            yield
        finally:
            timer.cancel()

    def _end(self, admitted: _Admitted, error: Callable[[], ApiError]) -> None:
        """End a request that waits or runs: at once, or before its next item if one is sent."""
        if (task := self._waiting.get(admitted) or self._waiting_lines.get(admitted)) is not None:
            self._interrupt(task, error())
        elif (task := self._running.get(admitted)) is not None:
            self._ended[admitted] = error()
            # A generator whose item is being sent looks into `_ended` when it is resumed.
            if cast("AsyncGeneratorType[Any, Any]", admitted).ag_running:
                self._interrupt(task, self._ended[admitted])

    def _interrupt(self, task: _Task, error: ApiError) -> None:
        if task not in self._interrupted:
            self._interrupted[task] = error
            task.cancel()

    def _raise_if_interrupted(self, task: _Task) -> None:
        """Raise the error of *task* if only this queue has cancelled it."""
        error = self._interrupted.pop(task, None)
        if error is not None and not task.uncancel():
            raise error from None


def _too_late() -> ApiError:
    return DeadlineExceeded("No slot was free before the request's deadline.")


def _too_long() -> ApiError:
    return RequestTooLong("The request took longer than this server allows.")


def _stopping() -> ServerStopping:
    return ServerStopping("The server is stopping.")
