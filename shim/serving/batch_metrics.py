"""Metrics of batches: how many there are, how they ended, and the results of their lines."""

from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

ACTIVE = ("validating", "in_progress", "finalizing", "cancelling")
ENDED = ("completed", "failed", "expired", "cancelled")


class BatchMetrics:
    """The gauge and the counters of batches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._active = Gauge(
            "shim_batches",
            "Batches that have not ended, by their state.",
            ("status",),
            registry=registry,
        )
        self._ended = Counter(
            "shim_batches_ended", "Batches by how they ended.", ("status",), registry=registry
        )
        self._lines = Counter(
            "shim_batch_lines",
            "Requests of batches: answered (`completed`), `failed`, or sent again after a fault "
            "that passes (`retried`).",
            ("result",),
            registry=registry,
        )
        # From 0: Prometheus sees no increase in a first 1.
        for status in ENDED:
            self._ended.labels(status)
        for result in ("completed", "failed", "retried"):
            self._lines.labels(result)

    def watch(self, states: Callable[[], Iterable[str]]) -> None:
        """Count *states* each time that the metrics are scraped: one for each active batch."""
        for status in ACTIVE:
            self._active.labels(status).set_function(partial(_count, states, status))

    def count_ended(self, status: str) -> None:
        """Count a batch by its last state."""
        self._ended.labels(status).inc()

    def count_line(self, result: str) -> None:
        """Count a request by what became of it."""
        self._lines.labels(result).inc()


def _count(states: Callable[[], Iterable[str]], status: str) -> int:
    return sum(state == status for state in states())
