"""The metrics of a server in Prometheus's format: single flight, reloads, the event loop.

Those of models, requests, exchanges, engines and upstreams are in the files beside.
`docs/metrics.md` lists all.
"""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from .admission import Admission
from .batch_metrics import BatchMetrics
from .engine_metrics import EngineMetrics
from .exchange_metrics import ExchangeMetrics
from .file_metrics import FileMetrics
from .http_metrics import HttpMetrics
from .model_metrics import ModelMetrics
from .request_metrics import RequestMetrics
from .upstream_metrics import UpstreamMetrics

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    """All metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, CPU, file descriptors
        self.batches = BatchMetrics(registry)
        self.engines = EngineMetrics(registry)
        self.exchanges = ExchangeMetrics(registry)
        self.files = FileMetrics(registry)
        self.http = HttpMetrics(registry)
        self.models = ModelMetrics(registry)
        self.requests = RequestMetrics(registry)
        self.upstreams = UpstreamMetrics(registry)
        self._flights = Counter(
            "shim_single_flight",
            "Answers whose clients had timed out, by what became of them: taken by a retry while "
            "they were made (joined) or once they were complete (replayed), or not (expired).",
            ("result",),
            registry=registry,
        )
        self.loop_lag = Histogram(
            "shim_event_loop_lag_seconds",
            "Seconds by which a timer of the event loop fires late, measured ten times a second. "
            "While the loop is late, no request is answered.",
            buckets=_SECONDS,
            registry=registry,
        )

        self.reloads = Counter(
            "shim_reloads",
            "Times that the configuration was read again: `applied`, or `refused` as it was wrong.",
            ("result",),
            registry=registry,
        )
        for result in ("applied", "refused"):
            self.reloads.labels(result)  # from 0: Prometheus sees no increase in a first 1

    def count_flight(self, result: str) -> None:
        """Count an answer whose client had timed out, by what became of it."""
        self._flights.labels(result).inc()

    def watch_queue(self, model: str, queue: Admission) -> None:
        """Show the queue and the restarts of *model* from now on."""
        self.models.watch_queue(model, queue)
        self.engines.restarts.labels(model)  # from 0, as above

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)
