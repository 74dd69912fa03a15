"""Holds what outlives an application: a changed configuration is served by a new application."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from litestar.types import ASGIApp

from shim.http.body_memory import HeldBytes
from shim.http.flights import Flights
from shim.http.json_worker import JsonWorker
from shim.http.rate_limiter import RateLimiter
from shim.http.request_log import log_request
from shim.serving.loop_lag import measured_lag
from shim.serving.metrics import Metrics
from shim.serving.models import Models
from shim.serving.open_models import OpenModels
from shim.serving.request_record import RequestRecord

from .settings import Settings


class Runtime:
    """What all applications of a process use, one after the other and at the same time.

    An application has one configuration for all its life. After a reload a new application gets the
    new requests, while the old one still answers its own.
    """

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        self.metrics = Metrics()
        self.json_worker = JsonWorker()
        self.rate_limiter = RateLimiter()
        self.held = HeldBytes()
        self.metrics.http.watch_bodies(lambda: self.held.count)
        self.flights = Flights(self.metrics.count_flight)
        self.models = OpenModels(self.metrics, decoded_bytes=settings.server.limits.decoded_bytes)

        self.traced: Callable[[ASGIApp], ASGIApp] | None = None
        """Adds tracing to an application; None unless `tracing` is set, and before `running`."""

    def on_end(self, record: RequestRecord) -> None:
        """Count and log a request that has ended."""
        self.metrics.http.count(record)
        log_request(record)

    @asynccontextmanager
    async def running(self, settings: Settings) -> AsyncGenerator[Models, None]:
        """Open and test the models of *settings*; measure the event loop's lag during the block.

        Everything is closed when the block ends. Raises ModelNotOpened.
        """
        with self.json_worker, _tracing(settings) as self.traced:
            async with (
                self.models.running(settings.models) as models,
                measured_lag(self.metrics.loop_lag.observe),
            ):
                yield models


@contextmanager
def _tracing(settings: Settings) -> Iterator[Callable[[ASGIApp], ASGIApp] | None]:
    """Return what traces the requests to an application; None unless `tracing` is set."""
    if not settings.server.tracing:
        yield None
        return
    from shim.http.tracing import tracing  # noqa: PLC0415  needs an extra

    with tracing() as traced:
        yield traced
