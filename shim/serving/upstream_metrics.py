"""Metrics of the servers behind remote models: which answered, how often another was tried."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from .request_record import RequestRecord


class UpstreamMetrics:
    """The metrics of upstreams; a server without remote models has no values of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "shim_upstream_requests",
            "HTTP requests that a server behind a remote model has answered, by the status of "
            "their result.",
            ("model", "upstream", "status"),
            registry=registry,
        )
        self._retries = Counter(
            "shim_upstream_retries",
            "Attempts after the first one, of requests that were answered in the end.",
            ("model",),
            registry=registry,
        )
        self._ready = Gauge(
            "shim_upstream_ready",
            "1 if the server behind a remote model is neither ejected nor unreachable, else 0.",
            ("model", "upstream"),
            registry=registry,
        )

    def count(self, record: RequestRecord) -> None:
        """Count the request of *record*, if another server has answered it."""
        if record.upstream is None:
            return
        self._requests.labels(record.model, record.upstream, str(record.status)).inc()
        self._retries.labels(record.model).inc(max(record.attempts - 1, 0))

    def note_ready(self, states: Mapping[str, Mapping[str, bool]]) -> None:
        """Note for each remote model, by its id, which of its servers are ready, by their names."""
        self._ready.clear()
        for model, servers in states.items():
            for name, ready in servers.items():
                self._ready.labels(model, name).set(ready)
