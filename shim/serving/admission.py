"""Limits how many requests of one model run and wait, and refuses those beyond."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import AsyncGeneratorType
from typing import Any, Protocol, TypeVar, cast

from shim.errors import QueueFull, ServerStopping

from .retry_schedule import RetrySchedule
from .start_limiter import StartLimiter

T = TypeVar("T")

_Task = asyncio.Task[Any]
_Admitted = AsyncGenerator[Any, None]


class Observer(Protocol):
    """What measures one request: a context manager around its waiting and its running.

    It must not suppress exceptions.
    """

    skipped: set[type]
    """Types of items that are not passed to `add`. It is read for every item, and may grow."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object, /
    ) -> None: ...

    def started(self) -> None:
        """Take note that the request has its slot."""

    def add(self, item: object) -> None:
        """Take note of *item*, whose type is not among the `skipped` ones."""


class _NoObserver:
    def __init__(self) -> None:
        self.skipped: set[type] = set()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def started(self) -> None:
        pass

    def add(self, item: object) -> None:
        pass


class Admission:
    """A bounded queue in front of one backend.

    At most *max_running* requests have a slot; at most *max_waiting* more wait for one, in order.
    """

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self._slots = asyncio.Semaphore(max_running)
        self._max_running = max_running
        self.max_waiting = max_waiting
        """Most requests that wait; it may be changed at any time."""
        self._starts = StartLimiter()
        self._waiting: dict[_Admitted, _Task] = {}
        self._running: dict[_Admitted, _Task] = {}
        self._interrupted: set[_Task] = set()
        """Tasks that `drain` or `stop` has cancelled."""
        self.draining = False
        """Whether new requests are refused because the server stops."""
        self._stopped = False
        self._retries = RetrySchedule()

    @property
    def capacity(self) -> int:
        """Most requests that may run and wait at the same time."""
        return self._max_running + self.max_waiting

    @property
    def running(self) -> int:
        """How many requests have a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiting)

    def admit(
        self, items: AsyncGenerator[T, None], observer: Observer | None = None
    ) -> AsyncGenerator[T, None]:
        """Return a generator that waits for a slot, then yields *items*; *observer* measures it.

        At its first item it raises QueueFull if the queue is full, ServerStopping after `drain`;
        after `stop` it raises ServerStopping at any item. It gives the slot back when it ends or is
        closed. The generator holds the slot, and not a Litestar dependency, because Litestar ends
        dependencies before it streams the body of a response.
        """
        # The generator is the key of its own entry in `_waiting` and `_running`.
        admitted = self._admit(items, lambda: admitted, observer or _NoObserver())
        return admitted

    async def _admit(
        self,
        items: AsyncGenerator[T, None],
        itself: Callable[[], _Admitted],
        observer: Observer,
    ) -> AsyncGenerator[T, None]:
        task = cast("_Task", asyncio.current_task())
        admitted = itself()
        # One generator for admission and measurement: another around it costs 5 % of a stream.
        with observer:
            await self._take_slot(admitted, task)
            self._running[admitted] = task
            try:
                await self._starts.wait()
                observer.started()
                skipped = observer.skipped
                async with aclosing(items):
                    async for item in items:
                        if type(item) not in skipped:
                            observer.add(item)
                        yield item
                        if self._stopped:
                            raise _stopping()
            except asyncio.CancelledError:
                self._raise_if_interrupted(task)
                raise
            finally:
                del self._running[admitted]
                self._slots.release()
                self._retries.one_ended()

    async def _take_slot(self, admitted: _Admitted, task: _Task) -> None:
        if self.draining:
            raise _stopping()
        if not self._slots.locked():
            if not self._running:
                self._retries.busy_from_now()
        elif len(self._waiting) >= self.max_waiting:
            raise QueueFull(
                f"{len(self._waiting)} requests are already waiting for this model.",
                retry_after=self._retries.reserve(),
            )
        self._waiting[admitted] = task
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            self._raise_if_interrupted(task)
            raise
        finally:
            del self._waiting[admitted]

    def drain(self) -> None:
        """Fail the requests that wait, and every later one, with ServerStopping."""
        self.draining = True
        for task in self._waiting.values():
            self._interrupt(task)

    def stop(self) -> None:
        """Do what `drain` does, and fail the requests that run."""
        self.drain()
        self._stopped = True
        for admitted, task in self._running.items():
            # A generator whose item is being sent checks `_stopped` when it is resumed.
            if cast("AsyncGeneratorType[Any, Any]", admitted).ag_running:
                self._interrupt(task)

    def _interrupt(self, task: _Task) -> None:
        if task not in self._interrupted:
            self._interrupted.add(task)
            task.cancel()

    def _raise_if_interrupted(self, task: _Task) -> None:
        """Raise ServerStopping if only `drain` or `stop` has cancelled *task*."""
        if task in self._interrupted:
            self._interrupted.discard(task)
            if not task.uncancel():
                raise _stopping() from None


def _stopping() -> ServerStopping:
    return ServerStopping("The server is stopping.")
