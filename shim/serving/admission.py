"""Limits how many requests run and wait, and computes when the refused ones may come back."""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import AsyncGeneratorType
from typing import Any, Protocol, TypeVar, cast

from shim.errors import QueueFull, ServerStopping

T = TypeVar("T")

_Task = asyncio.Task[Any]
_Admitted = AsyncGenerator[Any, None]

_FIRST_GUESS = 0.1
"""Seconds assumed between two ends of requests before the first request has ended. If they are too
few, a client comes back too early and is refused again, now by the measured rate. The stock client
tries 3 times."""

_START_SECONDS = 0.004
"""Seconds, from the first start in a turn of the event loop, in which more requests may start."""

_STARTS_PER_TURN = 4
"""Most delayed requests that start in one turn of the event loop."""

_MARGIN = 1.2
"""Factor on the measured time until a slot is free: a client that comes back too early is refused
again, and it tries only a few times."""

_ENDS = 32
"""Number of latest ends of requests from which their rate is measured."""

_LONGEST = 60.0
"""Seconds of the longest Retry-After that all releases of the `openai` client honour."""


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
        self._max_waiting = max_waiting
        self._starts = _StartLimiter()
        self._waiting: dict[_Admitted, _Task] = {}
        self._running: dict[_Admitted, _Task] = {}
        self._interrupted: set[_Task] = set()
        """Tasks that `drain` or `stop` has cancelled."""
        self._draining = False
        self._stopped = False
        self._retries = _RetrySchedule()
        self.capacity = max_running + max_waiting
        """Most requests that may run and wait at the same time."""

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
        if self._draining:
            raise _stopping()
        if not self._slots.locked():
            if not self._running:
                self._retries.busy_from_now()
        elif len(self._waiting) >= self._max_waiting:
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
        self._draining = True
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


class _StartLimiter:
    """Limits how many requests start in one turn of the event loop.

    Starting a request occupies the loop for about a millisecond in vLLM's renderer. If hundreds got
    their slots at the same moment and all started at once, nobody else would be served meanwhile.
    """

    def __init__(self) -> None:
        self._deadline: float | None = None
        """Until when requests may start in this turn (`time.monotonic`); None before the first."""
        self._delayed: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Return at once if this turn has time for one more start; else in a later turn, in order.

        A request that was delayed may start after one that came later.
        """
        now = time.monotonic()
        loop = asyncio.get_running_loop()
        if self._deadline is None:
            self._deadline = now + _START_SECONDS
            loop.call_soon(self._next_turn)
        elif now > self._deadline:
            start = loop.create_future()
            self._delayed.append(start)
            await start

    def _next_turn(self) -> None:
        self._deadline = None
        if not self._delayed:
            return
        self._deadline = time.monotonic() + _START_SECONDS
        asyncio.get_running_loop().call_soon(self._next_turn)
        for _ in range(min(_STARTS_PER_TURN, len(self._delayed))):
            start = self._delayed.popleft()
            if not start.done():  # else its request was cancelled
                start.set_result(None)


class _RetrySchedule:
    """Computes when refused clients should come back, from the rate at which requests end.

    Each refused client gets the next slot that becomes free, so that the clients of a burst come
    back one after the other and not all at once. All times are in seconds of `time.monotonic`.
    """

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=_ENDS)
        """Times when requests ended in the present busy period; the first may be its start."""
        self._has_ended = False
        """Whether any request has ended: before that there is nothing to measure."""
        self._average = _FIRST_GUESS
        """Mean seconds between two ends in the last busy period that had any."""
        self._next = 0.0
        """When the slot should be free that is reserved for the last refused client."""

    def busy_from_now(self) -> None:
        """Begin a busy period. Idle time before it must not count as time between two ends."""
        self._average = self._measured()
        self._ends.clear()
        self._ends.append(time.monotonic())

    def one_ended(self) -> None:
        """Count the end of a request."""
        self._has_ended = True
        self._ends.append(time.monotonic())

    def reserve(self) -> float:
        """Return the seconds (at most 60) until a slot should be free for one more client."""
        now = time.monotonic()
        self._next = max(self._next, now) + self._interval(now)
        if self._next - now > _LONGEST:
            return random.uniform(_LONGEST / 2, _LONGEST)  # noqa: S311  spreads load
        return self._next - now

    def _interval(self, now: float) -> float:
        """Return the seconds to expect between two ends, with the margin.

        They are the mean or, if that is longer, the time since the last end.
        """
        if not self._ends:
            return self._average
        since = now - self._ends[-1]
        # Before the first end, only a part of that request's time has passed: half, on average.
        since *= 1 if self._has_ended else 2
        return _MARGIN * max(self._measured(), since)

    def _measured(self) -> float:
        ended = len(self._ends) - 1
        return (self._ends[-1] - self._ends[0]) / ended if ended > 0 else self._average
