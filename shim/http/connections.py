"""Limits how many connections one server has, and closes idle ones to make room."""

from shim.limits import Limits

from .corking import CorkedTransport
from .request_log import OnEnd

_RESERVE = 256
"""Connections beyond the limit that stay open until they have been refused."""


class Connections:
    """The idle connections of one server, and the limits that all its connections share."""

    def __init__(self, limits: Limits, on_end: OnEnd) -> None:
        """*on_end* is called with the record of each request that a connection refuses itself."""
        self.limits = limits
        self.on_end = on_end
        self.idle: dict[CorkedTransport, None] = {}
        """Connections without a request, the longest idle first; the values are not used."""

    def make_room(self, *, count: int) -> bool:
        """Close the longest idle connection if *count* connections are too many.

        *count* includes the newest one. Returns False if it must be refused because no connection
        is idle.
        """
        if count <= self.limits.connections:
            return True
        if not self.idle:
            return False
        next(iter(self.idle)).abort()
        return True

    def has_reserve(self, *, count: int) -> bool:
        """Return whether the newest of *count* connections can stay open until it is refused."""
        return count <= self.limits.connections + _RESERVE
