"""Limits further attempts to a share of the requests, so that they cannot multiply an overload."""

_REQUESTS = 5
"""Requests that add one further attempt: 20 %, as in Envoy's and Linkerd's budgets."""

_AT_START = 3 * _REQUESTS

_MOST = 500 + _AT_START
"""Most requests that count: so many may run at once when a server dies."""


class RetryBudget:
    """Counts the further attempts that are allowed, in requests that have added to them."""

    def __init__(self) -> None:
        self._requests = _AT_START

    def earn(self) -> None:
        """Count a request."""
        self._requests = min(self._requests + 1, _MOST)

    def spend(self) -> bool:
        """Return whether a further attempt is allowed, and count it if so."""
        if self._requests < _REQUESTS:
            return False
        self._requests -= _REQUESTS
        return True
