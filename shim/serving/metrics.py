"""The metrics of a server in Prometheus's format: engine batches, queues, the event loop.

Those of single requests are in `request_metrics.py`. `docs/metrics.md` lists them all.
"""

from litestar.types import Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from backends.base import Batch
from shim.errors import (
    BodyMemoryFull,
    DeadlineExceeded,
    QueueFull,
    RequestTooLong,
    ServerStopping,
    StorageFull,
    WaitTooLong,
)

from .admission import Admission
from .request_metrics import RequestMetrics

_SIZES = (1, 2, 4, 8, 16, 32, 64)
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)

_REASONS: dict[type[Exception], str] = {
    QueueFull: "queue_full",
    WaitTooLong: "wait_too_long",
    DeadlineExceeded: "deadline_exceeded",
    RequestTooLong: "request_too_long",
    BodyMemoryFull: "body_memory",
    StorageFull: "storage",
    ServerStopping: "stopping",
}
"""The values of the label `reason`."""


class Metrics:
    """All metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = RequestMetrics(registry)
        self._counted: set[str] = set()
        """Ids of the models that have passed their self-test."""
        by_call = ("model", "call")
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
        self._refused = Counter(
            "shim_refused",
            "HTTP requests that were refused for want of room or time, by the reason.",
            ("reason",),
            registry=registry,
        )
        self.single_flight = Counter(
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

    async def count_refusal(self, error: Exception, _scope: Scope) -> None:
        """Count *error* if it is a refusal that has nothing to do with what was requested.

        A Litestar hook for exceptions. Those after an answer has begun do not come here.
        """
        if (reason := _REASONS.get(type(error))) is not None:
            self._refused.labels(reason).inc()

    def watch_queue(self, model: str, queue: Admission) -> None:
        """Read how many requests run and wait in *queue* each time the metrics are scraped."""
        self._running.labels(model).set_function(lambda: queue.running)
        self._waiting.labels(model).set_function(lambda: queue.waiting)

    def count_batches(self, model: str) -> None:
        """Count *model*'s batches from now on: earlier ones belong to its self-test."""
        self._counted.add(model)

    def on_batch(self, model: str, batch: Batch) -> None:
        """Count a *batch* of the engine, if `count_batches` named its model.

        Called in an engine's thread.
        """
        if model not in self._counted:
            return
        self._batch_sizes.labels(model, batch.call).observe(batch.size)
        self._engine_times.labels(model, batch.call).observe(batch.took)
        for seconds in batch.waited:
            self._engine_waits.labels(model, batch.call).observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)
