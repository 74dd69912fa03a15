"""All connections of one server: how many there may be."""

from shim.limits import Limits

from .corking import CorkedTransport

_RESERVE = 256
"""Connections beyond the limit that are kept open for as long as it takes to refuse them."""


class Connections:
    """The connections of one server, as far as they are idle, and the limits on all."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.idle: dict[CorkedTransport, None] = {}
        """Those without a request, the longest idle first."""

    def make_room(self, *, count: int) -> bool:
        """Close the longest idle connection if *count*, with the newest, are too many.

        Returns False if the newest has to be refused because none is idle.
        """
        if count <= self.limits.connections:
            return True
        if not self.idle:
            return False
        next(iter(self.idle)).abort()
        return True

    def has_reserve(self, *, count: int) -> bool:
        """Return whether one more of *count* connections can be kept until it is refused."""
        return count <= self.limits.connections + _RESERVE
