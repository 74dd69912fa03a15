"""Metrics of HTTP: requests of every route by their status, errors by their reason, connections.

A request here is one of HTTP, also one that is refused before it reaches a model.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .request_record import RequestRecord

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

_NO_ROUTE = "other"
"""The value of `path` for requests without a route."""

_UNANSWERED = "unanswered"
"""The value of `status` and `reason` for requests whose answer never began: the server ended."""

_FIRST_ERROR = 400


class HttpMetrics:
    """The counters of HTTP requests; `count` is called for each when it has ended."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "shim_http_requests",
            "HTTP requests that have ended, by the path of their route and the status of their "
            'result: as in `shim_requests_total`. The path is "other" if there was no route, or if '
            "the request was refused before its route was looked for.",
            ("path", "status"),
            registry=registry,
        )
        self._errors = Counter(
            "shim_http_errors",
            "HTTP requests that have failed, by the path of their route and the reason: the name "
            'of the error in the log. "upstream" is an error that another server has answered.',
            ("path", "reason"),
            registry=registry,
        )
        self._seconds = Histogram(
            "shim_http_request_duration_seconds",
            "Seconds from the head of an HTTP request to the end of its answer, failures included.",
            ("path",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._connections = Gauge("shim_connections", "Open connections.", registry=registry)
        self._body_bytes = Gauge(
            "shim_body_bytes",
            "Bytes of the bodies of all requests in progress that are kept in memory: at most "
            "`held_bytes`.",
            registry=registry,
        )
        self._counters: dict[tuple[str, int | None], Counter] = {}
        """The counters by path and status. Looking one up by labels takes over a microsecond."""
        self._histograms: dict[str, Histogram] = {}

    def watch_connections(self, count: Callable[[], float]) -> None:
        """Read the number of open connections from *count* each time the metrics are scraped."""
        self._connections.set_function(count)

    def watch_bodies(self, size: Callable[[], float]) -> None:
        """Read the bytes of kept bodies from *size* each time the metrics are scraped."""
        self._body_bytes.set_function(size)

    def count(self, record: RequestRecord) -> None:
        """Count the request of *record*, which has ended."""
        path = record.template or _NO_ROUTE
        status = record.status
        counter = self._counters.get((path, status))
        if counter is None:
            counter = self._requests.labels(path, str(status or _UNANSWERED))
            self._counters[path, status] = counter
            self._histograms[path] = self._seconds.labels(path)
        counter.inc()
        self._histograms[path].observe(record.seconds)
        if status is None or status >= _FIRST_ERROR:
            reason = record.error or ("upstream" if record.upstream else _UNANSWERED)
            self._errors.labels(path, reason).inc()
