"""Holds what outlives an application: a changed configuration is served by a new application."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from shim.http.json_worker import JsonWorker
from shim.serving.loop_lag import measured_lag
from shim.serving.metrics import Metrics
from shim.serving.models import Models
from shim.serving.open_models import OpenModels

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
        self.models = OpenModels(self.metrics, decoded_bytes=settings.server.limits.decoded_bytes)

    @asynccontextmanager
    async def running(self, settings: Settings) -> AsyncGenerator[Models, None]:
        """Open and test the models of *settings*; measure the event loop's lag during the block.

        Everything is closed when the block ends. Raises ModelNotOpened.
        """
        with self.json_worker:
            async with (
                self.models.running(settings.models) as models,
                measured_lag(self.metrics.loop_lag.observe),
            ):
                yield models
