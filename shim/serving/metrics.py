"""The metrics of a server in Prometheus's format: engine batches, queues, the event loop.

Those of requests are in `http_metrics.py` and `request_metrics.py`. `docs/metrics.md` lists all.
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

from backends.base import Batch

from .admission import Admission
from .http_metrics import HttpMetrics
from .request_metrics import RequestMetrics

_SIZES = (1, 2, 4, 8, 16, 32, 64)
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    """All metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, CPU, file descriptors
        self.http = HttpMetrics(registry)
        self.requests = RequestMetrics(registry)
        self._counted: set[str] = set()
        """Ids of the models that have passed their self-test."""
        by_call = ("model", "call")
        self._ready = Gauge(
            "shim_model_ready",
            "1 if the model has passed its self-test and would answer a request now, else 0.",
            ("model",),
            registry=registry,
        )
        self._batch_sizes = Histogram(
            "shim_batch_size",
            "Requests that shared one call to the engine.",
            by_call,
            buckets=_SIZES,
            registry=registry,
        )
        self._engine_waits = Histogram(
            "shim_engine_wait_seconds",
            "Seconds that a request's call waited for the engine.",
            by_call,
            buckets=_SECONDS,
            registry=registry,
        )
        self._engine_times = Histogram(
            "shim_engine_seconds",
            "Seconds that the engine took for one call, which may serve several requests.",
            by_call,
            buckets=_SECONDS,
            registry=registry,
        )
        self._failed_calls = Counter(
            "shim_engine_failed_calls",
            "Calls to the engine that raised an error. Their requests ran again in smaller calls, "
            "or failed.",
            by_call,
            registry=registry,
        )
        self._restarts = Counter(
            "shim_engine_restarts",
            "Tries to start another engine in place of one that had died.",
            ("model",),
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
            "Requests in the queue: each waits for a slot.",
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

    def count_flight(self, result: str) -> None:
        """Count an answer whose client had timed out, by what became of it."""
        self._flights.labels(result).inc()

    def watch_queue(self, model: str, queue: Admission) -> None:
        """Read how many requests run and wait in *queue* each time the metrics are scraped."""
        self._running.labels(model).set_function(lambda: queue.running)
        self._waiting.labels(model).set_function(lambda: queue.waiting)

    def note_ready(self, states: Mapping[str, bool]) -> None:
        """Note which models are ready, by their ids; those that are not in *states* are gone."""
        self._ready.clear()
        for model, ready in states.items():
            self._ready.labels(model).set(ready)

    def count_batches(self, model: str) -> None:
        """Count *model*'s batches from now on: earlier ones belong to its self-test."""
        self._counted.add(model)

    def on_batch(self, model: str, batch: Batch) -> None:
        """Count a *batch* of the engine, if `count_batches` named its model.

        Called in an engine's thread.
        """
        if model not in self._counted:
            return
        if batch.failed:
            self._failed_calls.labels(model, batch.call).inc()
            return
        self._batch_sizes.labels(model, batch.call).observe(batch.size)
        self._engine_times.labels(model, batch.call).observe(batch.took)
        for seconds in batch.waited:
            self._engine_waits.labels(model, batch.call).observe(seconds)

    def on_restart(self, model: str) -> None:
        """Count a try to restart *model*'s engine."""
        self._restarts.labels(model).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)
