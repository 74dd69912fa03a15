"""Slows down a client that is given the same refusal again and again, and logs that once.

A harness may repeat a request that can never succeed, without a pause: one sent 144,000 in five
minutes. The tenth of the same refusals waits before it is answered, each further one twice as
long, up to a bound. What is delayed holds no slot of a model and no memory; other requests, of the
same client too, are not delayed.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from litestar.types import Scope

from shim.errors import shortened, status_of
from shim.limits import Limits

from .held_bodies import release

log = logging.getLogger(__name__)

_FREE = 9
"""Refusals that are answered at once."""

_FIRST_SECONDS = 0.02
"""Delay of the first refusal after these."""

_MOST_DOUBLINGS = 16

_QUIET_SECONDS = 10.0
"""Time without the same refusal after which it counts from one again."""

_STREAKS = 4096
"""Refusals that are counted at once: of more, the one that was given longest ago is forgotten."""

_DELAYED_SHARE = 8
"""One of so many connections may wait for a delayed answer; a further refusal is not delayed."""

_TEMPORARY = frozenset({408, 413, 429, 499})
"""Statuses of refusals that a later request may not get, or that cost the client enough: never
delayed."""

_CLIENT_ERRORS = range(400, 500)

_COUNTED_HEADERS = (b"authorization", b"api-key", b"content-length")
"""What tells clients behind one address apart, and requests: their bodies are not kept."""

_LOGGED_BYTES = 300


class _Streak:
    """The same refusal, given to one client with pauses shorter than `_QUIET_SECONDS`."""

    def __init__(self, about: str) -> None:
        self.about = about
        self.count = 0
        self.last = 0.0
        """When it was answered last, by the clock of `Repeated`."""


class Repeated:
    """Counts the refusals of one server."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Delay refusals as *limits* have it; *clock* is in seconds."""
        self._longest = limits.refusal_delay_seconds
        self._most_delayed = max(limits.connections // _DELAYED_SHARE, 1)
        self._clock = clock
        self._streaks: OrderedDict[int, _Streak] = OrderedDict()
        self._delayed = 0
        self._next_look: asyncio.TimerHandle | None = None
        """When rows that are over are looked for, while there are any."""

    async def delay(self, error: Exception, scope: Scope) -> None:
        """Wait before *error*, the answer to the request of *scope*, if it was given too often.

        A hook of Litestar's for exceptions: whatever ran for the request has ended.
        """
        seconds = self.seconds(error, scope)
        if self._streaks and self._next_look is None:
            self._look_later()
        if not seconds or self._delayed >= self._most_delayed:
            return
        _drop_frames(error)
        release(scope)
        self._delayed += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self._delayed -= 1

    def seconds(self, error: Exception, scope: Scope) -> float:
        """Count *error* and return how many seconds to wait before it is answered."""
        status = status_of(error)
        if not self._longest or status not in _CLIENT_ERRORS or status in _TEMPORARY:
            return 0.0
        streak = self._counted(error, scope)
        seconds = self._delay_of(streak)
        # A row goes on from where its refusal has been answered.
        streak.last = self._clock() + seconds
        return seconds

    def _delay_of(self, streak: _Streak) -> float:
        beyond = streak.count - _FREE
        if beyond == 1:
            log.warning(
                "refused %d times, from now on with a delay: %s", beyond + _FREE, streak.about
            )
        if beyond < 1:
            return 0.0
        return min(_FIRST_SECONDS * (1 << min(beyond - 1, _MOST_DOUBLINGS)), self._longest)

    def _counted(self, error: Exception, scope: Scope) -> _Streak:
        about = _about(error, scope)
        key = hash((about, *_told_apart_by(scope)))
        if key in self._streaks and self._is_over(key):
            self._end(key)
        streak = self._streaks.get(key)
        if streak is None:
            streak = self._streaks[key] = _Streak(about)
            if len(self._streaks) > _STREAKS:
                self._end(next(iter(self._streaks)))
        self._streaks.move_to_end(key)
        streak.count += 1
        return streak

    def _look_later(self) -> None:
        self._next_look = asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._look)

    def _look(self) -> None:
        """End the rows that are over; they are in the order of their last refusals."""
        self._next_look = None
        while self._streaks and self._is_over(oldest := next(iter(self._streaks))):
            self._end(oldest)
        if self._streaks:
            self._look_later()

    def _is_over(self, key: int) -> bool:
        return self._streaks[key].last + _QUIET_SECONDS <= self._clock()

    def _end(self, key: int) -> None:
        streak = self._streaks.pop(key)
        if streak.count > _FREE:
            log.warning("refused %d times in all: %s", streak.count, streak.about)


def _told_apart_by(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name in _COUNTED_HEADERS]


def _about(error: Exception, scope: Scope) -> str:
    client = scope.get("client")
    host = client[0] if client else "-"
    path = shortened(scope["path"], _LOGGED_BYTES)
    return f"{host} {scope.get('method')} {path}: {shortened(str(error), _LOGGED_BYTES)}"


def _drop_frames(error: BaseException | None) -> None:
    """Let go of what the frames of *error* hold: the body, and all that was made of it."""
    # Whose frames are gone already has been here: causes may go round in a circle.
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
