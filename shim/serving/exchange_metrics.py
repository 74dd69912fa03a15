"""Metrics of exchanges: those that were recorded, or looked up in the cache of answers."""

from prometheus_client import CollectorRegistry, Counter


class ExchangeMetrics:
    """The counters of exchanges."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._recorded = Counter(
            "shim_recorded",
            "Exchanges of a server that records: `whole`, `cut` if the client left before the end "
            "of its answer, `lost` if they could not be written.",
            ("result",),
            registry=registry,
        )
        self._looked_up = Counter(
            "shim_answer_cache",
            "Requests with only one answer, of a server with a cache: answered from it (`hit`) or "
            "computed (`miss`); `lost` are errors of its folder.",
            ("result",),
            registry=registry,
        )

    def count_recorded(self, result: str) -> None:
        """Count an exchange by what became of it."""
        self._recorded.labels(result).inc()

    def count_looked_up(self, result: str) -> None:
        """Count a request that was looked up in the cache, or an error of the cache."""
        self._looked_up.labels(result).inc()
