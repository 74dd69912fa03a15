"""Limits further attempts to a share of the requests, so that they cannot multiply an overload."""

_PER_REQUEST = 0.2
"""Further attempts that each request adds: as in Envoy's and Linkerd's budgets."""

_AT_LEAST = 3.0
"""Further attempts at the start."""

_MOST = 103.0
"""Most that are kept for later: what 500 requests add, and those of the start. So many requests
may run at once when a server dies."""


class RetryBudget:
    """Counts how many further attempts are allowed."""

    def __init__(self) -> None:
        self._left = _AT_LEAST

    def earn(self) -> None:
        """Count a request."""
        self._left = min(self._left + _PER_REQUEST, _MOST)

    def spend(self) -> bool:
        """Return whether a further attempt is allowed, and count it if so."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
