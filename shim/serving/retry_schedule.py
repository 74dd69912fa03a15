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
"""Number of latest ends of requests from which their rate is measured."""

_LONGEST = 60.0
"""Seconds of the longest Retry-After that all releases of the `openai` client honour."""


class RetrySchedule:
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
