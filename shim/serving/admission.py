"""How many requests run, how many wait, and what happens to the next one."""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import AsyncGeneratorType
from typing import Any, TypeVar, cast

from shim.errors import QueueFull, ServerStopping

T = TypeVar("T")

_Task = asyncio.Task[Any]
_Admitted = AsyncGenerator[Any, None]

_FIRST_GUESS = 0.1
"""Seconds between two free places, as long as no request has ended yet. If it is too short, a
client is refused once more, and then by the measured rate: the stock client tries three times."""

_TURN_SECONDS = 0.004
"""Seconds of one turn of the event loop in which requests may begin, and others wait."""

_AT_ONCE = 4
"""Requests that begin in one turn, of those that had no time in an earlier one."""

_MARGIN = 1.2
"""By how much a client comes later than a place should be free: it has few tries."""

_ENDS = 32
"""Ends of requests by which the rate is measured: the latest."""

_LONGEST = 60.0
"""Seconds of the longest Retry-After that every released client honours."""


class Admission:
    """A bounded queue in front of one backend."""

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self._slots = asyncio.Semaphore(max_running)
        self._max_waiting = max_waiting
        self._turns = _Turns()
        self._waiting: dict[_Admitted, _Task] = {}
        self._running: dict[_Admitted, _Task] = {}
        self._interrupted: set[_Task] = set()
        """Tasks that `drain` or `stop` has cancelled."""
        self._draining = False
        self._stopped = False
        self._places = _FreePlaces()
        self.capacity = max_running + max_waiting
        """Requests that run and wait together at the most."""

    @property
    def running(self) -> int:
        """How many requests have a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiting)

    def admit(self, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """Return a generator that waits for a slot, then yields *items*.

        It raises QueueFull at once if the queue is full, ServerStopping once the server is told to
        stop. The slot is held by the generator and not by a Litestar dependency, because
        dependencies are torn down before the response body is streamed.
        """
        admitted = self._admit(items, lambda: admitted)
        return admitted

    async def _admit(
        self, items: AsyncGenerator[T, None], myself: Callable[[], _Admitted]
    ) -> AsyncGenerator[T, None]:
        task = cast("_Task", asyncio.current_task())
        admitted = myself()
        await self._take_slot(admitted, task)
        self._running[admitted] = task
        try:
            await self._turns.take()
            async with aclosing(items):
                async for item in items:
                    yield item
                    if self._stopped:
                        raise _stopping()
        except asyncio.CancelledError:
            self._raise_if_interrupted(task)
            raise
        finally:
            del self._running[admitted]
            self._slots.release()
            self._places.one_ended()

    async def _take_slot(self, admitted: _Admitted, task: _Task) -> None:
        if self._draining:
            raise _stopping()
        if not self._slots.locked():
            if not self._running:
                self._places.busy_from_now()
        elif len(self._waiting) >= self._max_waiting:
            raise QueueFull(
                f"{len(self._waiting)} requests are already waiting for this model.",
                retry_after=self._places.reserve(),
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
        """End the requests that wait, and every later one, with ServerStopping."""
        self._draining = True
        for task in self._waiting.values():
            self._interrupt(task)

    def stop(self) -> None:
        """End the requests that run, too."""
        self.drain()
        self._stopped = True
        for admitted, task in self._running.items():
            # One that sends an item meanwhile looks at `_stopped` when it comes back.
            if cast("AsyncGeneratorType[Any, Any]", admitted).ag_running:
                self._interrupt(task)

    def _interrupt(self, task: _Task) -> None:
        if task not in self._interrupted:
            self._interrupted.add(task)
            task.cancel()

    def _raise_if_interrupted(self, task: _Task) -> None:
        """Raise ServerStopping if nobody but `drain` or `stop` has cancelled *task*."""
        if task in self._interrupted:
            self._interrupted.discard(task)
            if not task.uncancel():
                raise _stopping() from None


def _stopping() -> ServerStopping:
    return ServerStopping("The server is stopping.")


class _Turns:
    """How many requests begin in one turn of the event loop.

    To begin a request costs vLLM's renderer about a millisecond on the loop. Of hundreds that get
    their slots at the same moment, all would begin before anybody else is served.
    """

    def __init__(self) -> None:
        self._end: float | None = None
        """When no more may begin in this turn; None while none has."""
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Return at once while this turn has time for one more, else in a later turn, in order."""
        now = time.monotonic()
        loop = asyncio.get_running_loop()
        if self._end is None:
            self._end = now + _TURN_SECONDS
            loop.call_soon(self._renew)
        elif now > self._end:
            later = loop.create_future()
            self._waiting.append(later)
            await later

    def _renew(self) -> None:
        self._end = None
        if not self._waiting:
            return
        self._end = time.monotonic() + _TURN_SECONDS
        asyncio.get_running_loop().call_soon(self._renew)
        for _ in range(min(_AT_ONCE, len(self._waiting))):
            later = self._waiting.popleft()
            if not later.done():  # cancelled
                later.set_result(None)


class _FreePlaces:
    """When a refused client should come back: by the rate at which requests end.

    Each refused client is given the next free place, so that those of a burst come back one after
    the other and not all at once.
    """

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=_ENDS)
        """The start of the busy period or an end of a request in it, then later ends."""
        self._known = False
        """Whether a request has ended, so that there is something to measure."""
        self._average = _FIRST_GUESS
        """Seconds between two ends in the last busy period that had any."""
        self._next = 0.0
        """When the place is free that was given to the last refused client."""

    def busy_from_now(self) -> None:
        """Begin a busy period: before it, nothing ended for want of requests."""
        self._average = self._measured()
        self._ends.clear()
        self._ends.append(time.monotonic())

    def one_ended(self) -> None:
        """Count the end of a request."""
        self._known = True
        self._ends.append(time.monotonic())

    def reserve(self) -> float:
        """Return the seconds after which a place should be free for one more client."""
        now = time.monotonic()
        self._next = max(self._next, now) + self._interval(now)
        if self._next - now > _LONGEST:
            return random.uniform(_LONGEST / 2, _LONGEST)  # noqa: S311  spreads load
        return self._next - now

    def _interval(self, now: float) -> float:
        """Return the seconds between two ends: on average, or since the last if that is longer."""
        if not self._ends:
            return self._average
        since = now - self._ends[-1]
        # Of the first request of all only a part has passed, on average half.
        since *= 1 if self._known else 2
        return _MARGIN * max(self._measured(), since)

    def _measured(self) -> float:
        ended = len(self._ends) - 1
        return (self._ends[-1] - self._ends[0]) / ended if ended > 0 else self._average
