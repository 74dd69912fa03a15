"""Limits how many connections one server has, and closes idle ones to make room."""

import logging
import resource

from msgspec.structs import replace

from shim.limits import Limits

from .corking import CorkedTransport
from .request_log import OnEnd

log = logging.getLogger(__name__)

_OTHER_DESCRIPTORS = 1024
"""File descriptors for all but accepted connections: refused ones, spooled uploads, engines."""

_RESERVE = 256
"""Connections beyond the limit that stay open until they have been refused."""


class Connections:
    """The idle connections of one server, and the limits that all its connections share."""

    def __init__(self, limits: Limits, on_end: OnEnd) -> None:
        """*on_end* is called with the record of each request that a connection refuses itself."""
        self.limits = limits
        """Limits of the connections that are accepted from now on."""
        self.on_end = on_end
        self.draining = False
        """Whether each connection closes after its next answer, because the server stops."""
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


def within_descriptors(limits: Limits) -> Limits:
    """Return *limits* with as many connections as the process may have file descriptors for.

    Increases the soft limit of the process, often 1024 descriptors, up to its hard limit if needed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = limits.connections + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return limits
    connections = max(soft - _OTHER_DESCRIPTORS, 1)
    log.warning("only %d connections: too few file descriptors (ulimit -n)", connections)
    return replace(limits, connections=connections)
