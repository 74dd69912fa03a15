"""Measures the models themselves: which are ready, their replicas, and their queues."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

from .admission import Admission


class ModelMetrics:
    """Gauges with the label `model`."""

    def __init__(self, registry: CollectorRegistry) -> None:
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

    def watch_queue(self, model: str, queue: Admission) -> None:
        """Read how many requests run and wait in *queue* each time the metrics are scraped."""
        self._running.labels(model).set_function(lambda: queue.running)
        self._waiting.labels(model).set_function(lambda: queue.waiting)
        self._waiting_lines.labels(model).set_function(lambda: queue.waiting_lines)

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
