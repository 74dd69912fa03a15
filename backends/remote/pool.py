"""Chooses the server for each request; a request that finds no place waits, in order."""

import asyncio
import hashlib
import logging
import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from backends.failures import NoUpstream, UpstreamTimeout

from .upstream import UpstreamState

log = logging.getLogger(__name__)

_BOUND = 1.25
"""Factor on the mean load up to which a server gets requests for their beginning's sake: consistent
hashing with bounded loads (Mirrokni et al. 2018)."""


@dataclass(frozen=True, eq=False)
class _Waiter:
    place: "asyncio.Future[UpstreamState]"
    affinity: bytes
    avoid: UpstreamState | None


class Pool:
    """The servers of one model, and the requests that wait for one."""

    def __init__(
        self, model: str, servers: Sequence[UpstreamState], *, affinity: bool, longest_wait: float
    ) -> None:
        """*model* is for the log. *longest_wait*, in seconds, is for a pause of all servers."""
        self.servers = servers
        self._model = model
        self._affinity = affinity
        self._longest_wait = longest_wait
        self._waiting: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def take(
        self,
        affinity: bytes,
        avoid: UpstreamState | None = None,
        *,
        start_by: float | None = None,
    ) -> UpstreamState:
        """Return the server for a request, and count the request there; `release` ends that.

        It is that with the fewest requests for its weight; among equals one at random. With the
        pool's *affinity* it is that to which the bytes *affinity* belong, unless that has too many.
        *avoid* is taken only if all others are ejected. Waits for a place; raises UpstreamTimeout
        if there is none before *start_by*, in seconds of `time.monotonic`, and NoUpstream if all
        servers want a pause that is longer than `longest_wait`.
        """
        server = None if self._waiting else self._choice(affinity, avoid)
        if server is None:
            seconds = None if start_by is None else start_by - monotonic()
            try:
                async with asyncio.timeout(seconds):
                    return await self._waited(affinity, avoid)
            except TimeoutError as error:
                message = "No server of this model had a place in time."
                raise UpstreamTimeout(message) from error
        server.outstanding += 1
        return server

    def release(self, server: UpstreamState) -> None:
        """End a request at *server*: the first one that waits may have its place."""
        server.outstanding -= 1
        self._wake()

    def has_other(self, server: UpstreamState) -> bool:
        """Return whether a server beside *server* takes requests, now or when it has a place."""
        now = monotonic()
        return any(
            each is not server and each.is_in(now) and now >= each.paused_until
            for each in self.servers
        )

    def failed(self, server: UpstreamState, reason: str, *, unreachable: bool = False) -> None:
        """Take note of a failure of *server*; eject it if that is due. *reason* is for the log."""
        if server.failed(unreachable=unreachable):
            self.eject(server, reason)

    def eject(self, server: UpstreamState, reason: str) -> None:
        """Eject *server*, unless it is out already or no other server has proved itself."""
        now = monotonic()
        others = [each for each in self.servers if each is not server]
        if server.is_in(now) and any(each.is_in(now) and each.is_proven for each in others):
            seconds = server.eject()
            log.warning("%s: %s is out for %g s: %s", self._model, server.name, seconds, reason)
        self._wake()

    def give_up(self, server: UpstreamState) -> None:
        """End the requests that run at *server*, which hangs, if another server takes requests."""
        if server.ends and self.has_other(server):
            log.warning(
                "%s: %s hangs: its %d requests end", self._model, server.name, len(server.ends)
            )
            for end in tuple(server.ends):
                end()

    def returned(self, server: UpstreamState) -> None:
        """Take note that *server* is reachable again."""
        log.warning("%s: %s answers again", self._model, server.name)
        self._wake()

    def states(self) -> dict[str, bool]:
        """Return whether each server is neither ejected nor known to be unreachable."""
        now = monotonic()
        return {server.name: server.is_in(now) and server.reachable for server in self.servers}

    # ── the choice ────────────────────────────────────────────────────────────

    def _choice(self, affinity: bytes, avoid: UpstreamState | None) -> UpstreamState | None:
        now = monotonic()
        # Never nobody: a request that fails says more than one that waits for ever.
        inside = [each for each in self.servers if each.is_in(now)] or self.servers
        inside = [each for each in inside if each.reachable] or inside
        inside = [each for each in inside if each is not avoid] or inside
        free = [each for each in inside if each.has_place(now)]
        if not free:
            return None
        if self._affinity and affinity:
            return self._preferred(free, affinity)
        least = min(each.load() for each in free)
        return random.choice([each for each in free if each.load() == least])  # noqa: S311

    def _preferred(self, free: list[UpstreamState], affinity: bytes) -> UpstreamState:
        """Return the first of *free* by weighted rendezvous hashing that has no more than its part.

        The score is w / -ln(h), for a hash h of server and *affinity* between 0 and 1.
        """
        running = sum(each.outstanding for each in free) + 1
        mean = running / sum(each.weight for each in free)
        ranked = sorted(free, key=lambda each: _score(each, affinity), reverse=True)
        within = (
            each for each in ranked if each.outstanding < math.ceil(_BOUND * mean * each.weight)
        )
        return next(within, ranked[0])

    # ── waiting ───────────────────────────────────────────────────────────────

    async def _waited(self, affinity: bytes, avoid: UpstreamState | None) -> UpstreamState:
        self._refuse_long_pause()
        place: asyncio.Future[UpstreamState] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(place, affinity, avoid)
        self._waiting.append(waiter)
        self._set_timer()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.release(place.result())
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            raise

    def _refuse_long_pause(self) -> None:
        now = monotonic()
        pause = min(server.paused_until for server in self.servers) - now
        if pause > self._longest_wait:
            raise NoUpstream("All servers of this model are overloaded.", retry_after=pause)

    def _wake(self) -> None:
        """Give free places to the requests that wait, in order."""
        while self._waiting:
            first = self._waiting[0]
            if first.place.done():  # its request was cancelled in this turn of the event loop
                self._waiting.popleft()
                continue
            if (server := self._choice(first.affinity, first.avoid)) is None:
                self._set_timer()
                return
            self._waiting.popleft()
            server.outstanding += 1
            first.place.set_result(server)

    def _set_timer(self) -> None:
        """Wake those that wait when the next pause or ejection ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = monotonic()
        ends = [max(each.paused_until, each.ejected_until) for each in self.servers]
        if later := [end for end in ends if end > now]:
            self._timer = asyncio.get_running_loop().call_later(min(later) - now, self._wake)


def _score(server: UpstreamState, affinity: bytes) -> float:
    digest = hashlib.blake2b(
        affinity, key=hashlib.blake2b(server.name.encode()).digest()[:16], digest_size=8
    ).digest()
    # Never 0 or 1, whose logarithms have no use.
    part = (int.from_bytes(digest, "big") + 1) / (2**64 + 2)
    return server.weight / -math.log(part)
