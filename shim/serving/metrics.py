"""What is told about requests: an id on every answer, a line in the log, metrics."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from backends.base import Batch, TranscriptInfo

from .admission import Admission

T = TypeVar("T")

_SIZES = (1, 2, 4, 8, 16, 32, 64)
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
_FACTORS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


_LOOK = 0.1
"""Seconds between two looks at the event loop."""


@asynccontextmanager
async def watched(telemetry: "Telemetry") -> AsyncGenerator[None, None]:
    """Measure the event loop's lag until the block ends."""
    watch = asyncio.create_task(_watch(telemetry))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait([watch])


async def _watch(telemetry: "Telemetry") -> None:
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(_LOOK)
        telemetry.loop_lag.observe(max(time.perf_counter() - begin - _LOOK, 0.0))


class Telemetry:
    """The metrics of one server, in Prometheus's words.

    `__init__` is long, because it is the list of them all.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._counted: set[str] = set()
        by_call = ("model", "call")
        self._sizes = Histogram(
            "shim_batch_size",
            "Requests that shared a call to the engine.",
            by_call,
            buckets=_SIZES,
            registry=registry,
        )
        self._waited = Histogram(
            "shim_engine_wait_seconds",
            "How long a call waited for the engine.",
            by_call,
            buckets=_SECONDS,
            registry=registry,
        )
        self._took = Histogram(
            "shim_engine_seconds",
            "How long the engine took for a batch.",
            by_call,
            buckets=_SECONDS,
            registry=registry,
        )
        self._audio = Counter(
            "shim_audio_seconds", "Audio transcribed to its end.", ("model",), registry=registry
        )
        self._queued = Histogram(
            "shim_queue_seconds",
            "From the end of an upload to the first the engine told of it: queue and decoding.",
            ("model",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._factor = Histogram(
            "shim_real_time_factor",
            "Seconds from the first the engine told to the last, for a second of audio.",
            ("model",),
            buckets=_FACTORS,
            registry=registry,
        )
        self._running = Gauge(
            "shim_requests_running", "Requests in the engine.", ("model",), registry=registry
        )
        self._waiting = Gauge(
            "shim_requests_waiting",
            "Requests that wait for the engine.",
            ("model",),
            registry=registry,
        )
        self.loop_lag = Histogram(
            "shim_event_loop_lag_seconds",
            "How much later than asked a timer of the event loop fires, looked at ten times a "
            "second. While the loop is late, no request is answered.",
            buckets=_SECONDS,
            registry=registry,
        )

    def watch_queue(self, model: str, queue: Admission) -> None:
        """Show how many requests run and wait in *queue*, whenever the metrics are asked for."""
        self._running.labels(model).set_function(lambda: queue.running)
        self._waiting.labels(model).set_function(lambda: queue.waiting)

    def count_batches(self, model: str) -> None:
        """Count *model*'s batches from now on: those before were of its self-test."""
        self._counted.add(model)

    def on_batch(self, model: str, batch: Batch) -> None:
        """Count a batch of a model that is in use; called in an engine's thread."""
        if model not in self._counted:
            return
        self._sizes.labels(model, batch.call).observe(batch.size)
        self._took.labels(model, batch.call).observe(batch.took)
        for waited in batch.waited:
            self._waited.labels(model, batch.call).observe(waited)

    async def observe(self, model: str, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """Pass a transcription on; time it if it reaches its end."""
        asked = time.perf_counter()
        begun, seconds = asked, 0.0
        async with aclosing(items):
            async for item in items:
                if isinstance(item, TranscriptInfo):
                    begun, seconds = time.perf_counter(), item.duration
                    self._queued.labels(model).observe(begun - asked)
                yield item
        self._audio.labels(model).inc(seconds)
        if seconds:
            self._factor.labels(model).observe((time.perf_counter() - begun) / seconds)

    def text(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(self._registry)
