"""The metrics of a server in Prometheus's format: models, queues, reloads, the event loop.

Those of requests, exchanges, engines and upstreams are in the files beside. `docs/metrics.md` lists
all.
"""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
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
        self.requests = RequestMetrics(registry)
        self.upstreams = UpstreamMetrics(registry)
        self._ready = Gauge(
            "shim_model_ready",
            "1 if the model has passed its self-test and would answer a request now, else 0.",
            ("model",),
            registry=registry,
        )
        self._replicas = Gauge(
            "shim_model_replicas",
            "Replicas of a model on a cluster that take requests, by node.",
            ("model", "node"),
            registry=registry,
        )
        self._running = Gauge(
            "shim_requests_running",
            "Requests that the backend works on: each holds one slot.",
            ("model",),
            registry=registry,
        )
        self._waiting = Gauge(
            "shim_requests_waiting",
            "Requests of clients in the queue: each waits for a slot.",
            ("model",),
            registry=registry,
        )
        self._waiting_lines = Gauge(
            "shim_batch_requests_waiting",
            "Requests of batches that wait for a slot, behind all those of clients.",
            ("model",),
            registry=registry,
        )
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
        """Read how many requests run and wait in *queue* each time the metrics are scraped."""
        self._running.labels(model).set_function(lambda: queue.running)
        self._waiting.labels(model).set_function(lambda: queue.waiting)
        self._waiting_lines.labels(model).set_function(lambda: queue.waiting_lines)
        self.engines.restarts.labels(model)  # from 0, as above

    def forget_queue(self, model: str) -> None:
        """Stop reading the queue of *model*, which is closed."""
        self._running.remove(model)
        self._waiting.remove(model)
        self._waiting_lines.remove(model)

    def note_ready(self, states: Mapping[str, bool]) -> None:
        """Note which models are ready, by their ids; those that are not in *states* are gone."""
        self._ready.clear()
        for model, ready in states.items():
            self._ready.labels(model).set(ready)

    def note_replicas(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Note how many replicas each model on a cluster has, by its id, on each node."""
        self._replicas.clear()
        for model, nodes in counts.items():
            for node, count in nodes.items():
                self._replicas.labels(model, node).set(count)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)
