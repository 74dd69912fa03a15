"""Computes when the clients that a full queue refuses should come back."""

import random
import time
from collections import deque

_FIRST_GUESS = 0.1
"""Seconds assumed between two ends of requests before the first request has ended. If they are too
few, a client comes back too early and is refused again, now by the measured rate. The stock client
tries 3 times."""

_MARGIN = 1.2
"""Factor on the measured time until a slot is free: a client that comes back too early is refused
again, and it tries only a few times."""

_ENDS = 32
"""Least number of latest ends of requests from which their rate is measured."""

_ROUNDS = 2
"""Ends of requests for each slot before the wait in the queue is predicted, and `_FEW` at least.
Requests that begin together end together: a part of a round says little of their rate, and two
rounds and the beginning of a third are wrong by at most a half."""

_FEW = 8

_LONGEST = 60.0
"""Seconds of the longest Retry-After that all releases of the `openai` client honour."""


class RetrySchedule:
    """Computes when refused clients should come back, from the rate at which requests end.

    Each refused client gets the next slot that becomes free, so that the clients of a burst come
    back one after the other and not all at once. All times are in seconds of `time.monotonic`.
    """

    def __init__(self, slots: int) -> None:
        """*slots* is how many requests run at the same time."""
        self._enough = max(_ROUNDS * slots, _FEW)
        self._ends: deque[float] = deque(maxlen=1 + max(self._enough, _ENDS))
        """Times when requests ended in the present busy period; the first may be its start."""
        self._has_ended = False
        """Whether any request has ended: before that there is nothing to measure."""
        self._average = _FIRST_GUESS
        """Mean seconds between two ends in the last busy period that had any."""
        self._next = 0.0
        """When the slot should be free that is reserved for the last refused client."""

    def busy_from_now(self) -> None:
        """Begin a busy period: all slots are taken from now on.

        Time before it, when slots were free, must not count as time between two ends: then it was
        not the engine that took so long.
        """
        self._average = self._measured()
        self._ends.clear()
        self._ends.append(time.monotonic())

    def one_ended(self) -> None:
        """Count the end of a request in a busy period."""
        self._has_ended = True
        self._ends.append(time.monotonic())

    def reserve(self) -> float:
        """Return the seconds (at most 60) until a slot should be free for one more client."""
        now = time.monotonic()
        self._next = max(self._next, now) + self._interval(now)
        if self._next - now > _LONGEST:
            return random.uniform(_LONGEST / 2, _LONGEST)  # noqa: S311  spreads load
        return self._next - now

    def predicted(self, place: int) -> float | None:
        """Return the seconds until the request at that *place* of the queue, from 1, gets a slot.

        None unless the rate has been measured well in the present busy period.
        """
        if len(self._ends) <= self._enough:
            return None
        return place * self._measured()

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
