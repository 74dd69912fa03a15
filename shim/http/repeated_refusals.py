"""Delays the same refusal to the same client when it repeats, and logs that once.

A harness may repeat a request that can never succeed without a pause: one sent 144,000 in five
minutes. The answer to the tenth such request is delayed, each further one by twice as long, up to a
bound. A delayed answer occupies neither a slot of a model nor memory. Other requests are not
delayed, even of the same client.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from litestar.types import Scope

from shim.errors import shortened, status_of
from shim.limits import Limits

from .batch_line import batch_line
from .body_memory import release

log = logging.getLogger(__name__)

_PROMPT_REFUSALS = 9
"""Refusals of a streak that are answered without a delay."""

_FIRST_SECONDS = 0.02
"""Seconds of the first delay."""

_MOST_DOUBLINGS = 16
"""Most times that a delay doubles."""

_QUIET_SECONDS = 10.0
"""Seconds without the same refusal that end its streak."""

_STREAKS = 4096
"""Most streaks that are counted at once. For a further one the longest inactive streak ends."""

_DELAYED_SHARE = 8
"""Connections for each answer that may be delayed at once; further refusals are not delayed."""

_TEMPORARY = frozenset({408, 413, 429, 499})
"""Statuses that are never delayed: a later request may succeed, or the request was costly enough
for the client."""

_CLIENT_ERRORS = range(400, 500)

_COUNTED_HEADERS = (b"authorization", b"api-key", b"content-length")
"""Headers that distinguish clients at one address, and requests, whose bodies are not kept."""

_LOGGED_BYTES = 300
"""Most bytes of a path, and of a message, in the log."""


class _Streak:
    """The same refusal to one client, repeated with pauses shorter than `_QUIET_SECONDS`."""

    def __init__(self, description: str) -> None:
        self.description = description
        self.count = 0
        self.last = 0.0
        """When the latest refusal was answered, in seconds of the clock of `RefusalDelays`."""


class RefusalDelays:
    """Counts the streaks of refusals of one server, and delays their answers."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Delay refusals by at most the seconds in *limits*; *clock* returns seconds."""
        self._longest = limits.refusal_delay_seconds
        self._most_delayed = max(limits.connections // _DELAYED_SHARE, 1)
        self._clock = clock
        self._streaks: OrderedDict[int, _Streak] = OrderedDict()
        """The streaks by their keys, in the order of their latest refusals."""
        self._delayed = 0
        self._next_cleanup: asyncio.TimerHandle | None = None

    async def delay(self, error: Exception, scope: Scope) -> None:
        """Wait, if *error* has been the answer to the request of *scope* too often.

        A Litestar hook for exceptions: the handler and its dependencies have ended. Lines of
        batches are not delayed: each runs once.
        """
        if batch_line(scope) is not None:
            return
        seconds = self.seconds(error, scope)
        if self._streaks and self._next_cleanup is None:
            self._schedule_cleanup()
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
        """Count *error* and return how many seconds to delay its answer."""
        status = status_of(error)
        if not self._longest or status not in _CLIENT_ERRORS or status in _TEMPORARY:
            return 0.0
        streak = self._counted(error, scope)
        seconds = self._delay_of(streak)
        # The pause of a streak begins when its refusal is answered, after the delay.
        streak.last = self._clock() + seconds
        return seconds

    def _delay_of(self, streak: _Streak) -> float:
        number = streak.count - _PROMPT_REFUSALS
        if number == 1:
            log.warning(
                "refused %d times, from now on with a delay: %s", streak.count, streak.description
            )
        if number < 1:
            return 0.0
        return min(_FIRST_SECONDS * (1 << min(number - 1, _MOST_DOUBLINGS)), self._longest)

    def _counted(self, error: Exception, scope: Scope) -> _Streak:
        description = _description(error, scope)
        key = hash((description, *_counted_headers(scope)))
        if key in self._streaks and self._is_over(key):
            self._end(key)
        streak = self._streaks.get(key)
        if streak is None:
            streak = self._streaks[key] = _Streak(description)
            if len(self._streaks) > _STREAKS:
                self._end(next(iter(self._streaks)))
        self._streaks.move_to_end(key)
        streak.count += 1
        return streak

    def _schedule_cleanup(self) -> None:
        self._next_cleanup = asyncio.get_running_loop().call_later(_QUIET_SECONDS, self._clean_up)

    def _clean_up(self) -> None:
        """End the streaks that are over, and look again later if others are left."""
        self._next_cleanup = None
        while self._streaks and self._is_over(oldest := next(iter(self._streaks))):
            self._end(oldest)
        if self._streaks:
            self._schedule_cleanup()

    def _is_over(self, key: int) -> bool:
        return self._streaks[key].last + _QUIET_SECONDS <= self._clock()

    def _end(self, key: int) -> None:
        streak = self._streaks.pop(key)
        if streak.count > _PROMPT_REFUSALS:
            log.warning("refused %d times in all: %s", streak.count, streak.description)


def _counted_headers(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name in _COUNTED_HEADERS]


def _description(error: Exception, scope: Scope) -> str:
    client = scope.get("client")
    host = client[0] if client else "-"
    path = shortened(scope["path"], _LOGGED_BYTES)
    return f"{host} {scope.get('method')} {path}: {shortened(str(error), _LOGGED_BYTES)}"


def _drop_frames(error: BaseException | None) -> None:
    """Drop the frames of *error* and its causes: they hold the body and values made from it."""
    # An error without frames has been here before: causes can form a circle.
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
