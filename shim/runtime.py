"""Holds what outlives an application: a changed configuration is served by a new application."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeAlias

from litestar.types import ASGIApp

from shim.batches.line_request import LineApp
from shim.batches.service import Batches
from shim.batches.service import opened as batches_opened
from shim.errors import NotEnabled
from shim.exchanges.cache import AnswerCache
from shim.exchanges.cache_folder import CacheFolder
from shim.exchanges.recorder import recording
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

from .settings import ServerSettings, Settings

Layer: TypeAlias = Callable[[ASGIApp], ASGIApp]
"""Returns an application around another."""


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
        self.line_app = LineApp()
        self.models = OpenModels(
            self.metrics,
            decoded_bytes=settings.server.limits.decoded_bytes,
            cluster=settings.cluster,
        )

        self.answer_cache: AnswerCache | None = None
        """None unless `answer_cache` is set, and before `running`."""
        self.batches: Batches | None = None
        """None unless `[batches] directory` is set, and before `running`."""
        self.layers: list[Layer] = []
        """What puts recording and tracing around an application, from the inside, if they are
        set; empty before `running`."""

    def on_end(self, record: RequestRecord) -> None:
        """Count and log a request that has ended; one of a batch is not counted as HTTP's."""
        if record.batch is None:
            self.metrics.http.count(record)
        self.metrics.upstreams.count(record)
        log_request(record)

    def opened_batches(self) -> Batches:
        """Return what the routes of files and batches use; raise NotEnabled if there is nothing."""
        if self.batches is None:
            raise NotEnabled(
                "Files and batches are not switched on: set `[batches] directory` in the "
                "configuration, or SHIM_BATCHES_DIRECTORY, and restart the server."
            )
        return self.batches

    def drain(self) -> None:
        """Refuse new requests and those that wait, and start no more lines of batches."""
        if self.batches is not None:
            self.batches.runner.drain()
        self.models.drain()

    @asynccontextmanager
    async def running(self, settings: Settings) -> AsyncGenerator[Models, None]:
        """Open and test the models of *settings*; measure the event loop's lag during the block.

        Everything is closed when the block ends. Raises ModelNotOpened and FolderUnusable.
        """
        self.answer_cache = self._cache(settings.server)
        with self.json_worker, self._layers(settings.server) as self.layers:
            async with (
                # Before the models, which take their time: a directory may be unusable.
                batches_opened(settings.batches, self.metrics.batches) as self.batches,
                self.models.running(settings.models) as models,
                self._running_batches(settings.server),
                measured_lag(self.metrics.loop_lag.observe),
            ):
                yield models

    @asynccontextmanager
    async def _running_batches(self, server: ServerSettings) -> AsyncGenerator[None, None]:
        """Run the batches during the block, within that of the models."""
        if self.batches is None:
            yield
            return
        quota = self.batches.files.quota
        self.metrics.files.watch(lambda: quota.files, lambda: quota.bytes)
        bytes_ = server.limits.body_bytes
        running = self.batches.runner.running(
            self.line_app.answer, lambda: self.models.present, line_bytes=bytes_
        )
        async with running:
            yield

    def _cache(self, server: ServerSettings) -> AnswerCache | None:
        if server.answer_cache is None:
            return None
        folder = CacheFolder(Path(server.answer_cache), most_bytes=server.answer_cache_bytes)
        return AnswerCache(folder, self.metrics.exchanges.count_looked_up)

    @contextmanager
    def _layers(self, server: ServerSettings) -> Iterator[list[Layer]]:
        with ExitStack() as stack:
            layers: list[Layer] = []
            if server.record is not None:
                recorder = stack.enter_context(
                    recording(
                        Path(server.record),
                        most_bytes=server.record_bytes,
                        on_end=self.metrics.exchanges.count_recorded,
                    )
                )
                layers.append(recorder.around)
            if server.tracing:
                from shim.http.tracing import tracing  # noqa: PLC0415  needs an extra

                layers.append(stack.enter_context(tracing()))
            yield layers
