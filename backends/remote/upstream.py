"""The state of one server of a pool: the requests there, its health, and a pause that it wants.

Three rules decide how many requests a server may have at once. `max_running` is configured. An
ejected server has none for a time, then one; each good answer allows one more, so that a server
that returns is not flooded. A server that answered with a Retry-After has no new ones until then,
and then as many as it had, and one more for each good answer.
"""

import math
from collections.abc import Callable
from time import monotonic

from backends.config import Upstream

_FAILURES = 3
"""Failures in a row that eject a server. One may be the fault of a single request."""

_FIRST_EJECTION = 5.0
"""Seconds of the first ejection; each further one, without a good answer between, is doubled."""

_LONGEST_EJECTION = 60.0

_LONGEST_PAUSE = 60.0
"""Most seconds for which a Retry-After is heeded: after that a request asks again."""


class UpstreamState:
    """One server of a pool. All times are in seconds of `time.monotonic`."""

    def __init__(self, config: Upstream, model: str) -> None:
        """*model* is the model's configured id."""
        self.name = config.url
        self.url = config.url.rstrip("/")
        """The base URL, without a slash at its end."""
        self.root = self.url.removesuffix("/v1")
        """The URL below which a server has routes that are not OpenAI's."""
        self.model = config.model or model
        """The model's name at this server."""
        self.key = config.key
        self.outstanding = 0
        """Requests that run there now."""
        self.reachable = True
        """Whether the latest probes, or the start, reached it."""
        self.ejected_until = 0.0
        self.paused_until = 0.0
        self.ejections = 0
        """Ejections since the last good answer."""
        self.weight = config.weight
        self._most = config.max_running or math.inf
        self._window = math.inf
        """Requests that it may have at once, as its health and its pauses allow."""
        self._failures = 0
        """Failures since the last good answer or ejection."""
        self._probes = 0
        """Probes in a row with the same result: missed ones are negative."""
        self.heard = 0.0
        """When a byte of an answer last came from it."""
        self.ends: set[Callable[[], object]] = set()
        """Functions that end the requests which run there, one each, as if the connection broke."""
        self._missed_since = 0.0
        """When the first missed probe of those in a row began."""

    def is_in(self, now: float) -> bool:
        """Return whether the server is not ejected."""
        return now >= self.ejected_until

    @property
    def is_proven(self) -> bool:
        """Whether it has given a good answer since its last ejection, or has had none."""
        return self.ejections == 0

    def has_place(self, now: float) -> bool:
        """Return whether one more request may go there now, if it is not ejected."""
        return now >= self.paused_until and self.outstanding < min(self._most, self._window)

    def load(self) -> float:
        """Return what the requests there would be, with one more, in relation to its weight."""
        return (self.outstanding + 1) / self.weight

    def succeeded(self) -> None:
        """Take note of a good answer."""
        self._failures = self.ejections = 0
        self._window += 1
        self.reachable = True

    def failed(self, *, unreachable: bool = False) -> bool:
        """Take note of a failure; return whether it is a reason to eject the server.

        It is if no connection could be made, if the server has not answered since its last
        ejection, or if it was the third failure in a row.
        """
        self._failures += 1
        if unreachable:
            self.reachable = False
            self._probes = 0
        return unreachable or not self.is_proven or self._failures >= _FAILURES

    def eject(self) -> float:
        """Take the server out of the pool; return for how many seconds."""
        seconds = min(_FIRST_EJECTION * 2.0**self.ejections, _LONGEST_EJECTION)
        self.ejections += 1
        self.ejected_until = monotonic() + seconds
        self._window = 1
        self._failures = 0
        return seconds

    def pause(self, seconds: float) -> None:
        """Give it no new requests for *seconds*, at most a minute; then no more than it has now."""
        self.paused_until = max(self.paused_until, monotonic() + min(seconds, _LONGEST_PAUSE))
        self._window = min(self._window, max(self.outstanding, 1))

    def hangs(self, misses: int) -> bool:
        """Return whether *misses* probes in a row were missed, and nothing came since the first."""
        return self._probes <= -misses and self.heard < self._missed_since

    def probed(self, *, hit: bool, began: float, hits: int, misses: int) -> bool:
        """Take note of a probe that *began* then; return whether it made the last difference.

        *hits* answered probes in a row make an unreachable server reachable, *misses* failed ones
        a reachable server unreachable.
        """
        if not hit and self._probes >= 0:
            self._missed_since = began
        self._probes = max(self._probes, 0) + 1 if hit else min(self._probes, 0) - 1
        if self.reachable and self._probes <= -misses:
            self.reachable = False
            return True
        if not self.reachable and self._probes >= hits:
            self.reachable = True
            self.ejected_until = 0.0
            return True
        # A server that stays unreachable stays out.
        return not self.reachable and not hit
