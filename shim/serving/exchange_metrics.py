"""Metrics of exchanges: what became of those that were to be recorded."""

from prometheus_client import CollectorRegistry, Counter


class ExchangeMetrics:
    """The counters of recorded exchanges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._recorded = Counter(
            "shim_recorded",
            "Exchanges of a server that records: `whole`, `cut` if the client left before the end "
            "of its answer, `lost` if they could not be written.",
            ("result",),
            registry=registry,
        )

    def count_recorded(self, result: str) -> None:
        """Count an exchange by what became of it."""
        self._recorded.labels(result).inc()
