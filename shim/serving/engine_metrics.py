"""Metrics of engines in this process: their calls, the batches of requests, their restarts."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from backends.base import Batch

_SIZES = (1, 2, 4, 8, 16, 32, 64)
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class EngineMetrics:
    """The counters and histograms of all engines, by model."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
        self._failed_calls = Counter(
            "shim_engine_failed_calls",
            "Calls to the engine that raised an error. Their requests ran again in smaller calls, "
            "or failed.",
            by_call,
            registry=registry,
        )
        self.restarts = Counter(
            "shim_engine_restarts",
            "Tries to start another engine in place of one that had died.",
            ("model",),
            registry=registry,
        )

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
        self.restarts.labels(model).inc()
