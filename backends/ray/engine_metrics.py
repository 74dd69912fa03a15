"""Counts the batches and restarts of a replica's engine, in Ray's own metrics of its node.

Not in the server's: several servers may share a replica, and each would count its batches.
"""

from backends.base import Batch

_SIZES = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
_SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]


class EngineMetrics:
    """The metrics of one replica, named as those of a server without a cluster.

    Ray puts `ray_` before each name, and adds the node and the replica's process.
    """

    def __init__(self) -> None:
        from ray.util.metrics import Counter, Histogram

        by_call = ("model", "call")
        self._sizes = Histogram(
            "shim_batch_size", "Requests that shared one call to the engine.", _SIZES, by_call
        )
        self._waits = Histogram(
            "shim_engine_wait_seconds", "Seconds that a call waited.", _SECONDS, by_call
        )
        self._times = Histogram(
            "shim_engine_seconds", "Seconds that a call took.", _SECONDS, by_call
        )
        self._failed = Counter(
            "shim_engine_failed_calls", "Calls to the engine that raised an error.", by_call
        )
        self._restarts = Counter(
            "shim_engine_restarts", "Tries to start another engine.", ("model",)
        )

    def on_batch(self, model: str, batch: Batch) -> None:
        """Count a *batch*. Called in an engine's thread."""
        tags = {"model": model, "call": batch.call}
        if batch.failed:
            self._failed.inc(1.0, tags)
            return
        self._sizes.observe(batch.size, tags)
        self._times.observe(batch.took, tags)
        for seconds in batch.waited:
            self._waits.observe(seconds, tags)

    def on_restart(self, model: str) -> None:
        """Count a try to restart *model*'s engine."""
        self._restarts.inc(1.0, {"model": model})
