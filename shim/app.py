"""Creates the Litestar application of a configuration: its routes, hooks and limits."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import msgspec
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, Scope

from backends.registry import opened
from shim.api.chat.controller import ChatController
from shim.api.completions.controller import CompletionsController
from shim.api.embeddings.controller import EmbeddingsController
from shim.api.full_queues import queue_guard
from shim.api.health import health, metrics, ready
from shim.api.models.controller import ModelsController
from shim.api.openapi.document import document, openapi
from shim.api.responses.controller import ResponsesController
from shim.api.tokenizer.controller import TokenizerController
from shim.api.transcription.controller import TranscriptionController
from shim.http.auth import KeyGuard, Keys, free
from shim.http.body_memory import BodyMemory, HeldBytes
from shim.http.deadlines import Deadlines
from shim.http.disconnects import CancelOnDisconnect
from shim.http.error_handlers import HANDLERS
from shim.http.flights import Flights
from shim.http.json_worker import JsonWorker
from shim.http.model_prefix import IN_SCOPE
from shim.http.repeated_refusals import RefusalDelays
from shim.http.request import ApiRequest
from shim.http.request_id import stamp
from shim.http.single_flight import SingleFlight
from shim.serving.loop_lag import measured_lag
from shim.serving.metrics import Metrics
from shim.serving.models import Models
from shim.serving.self_test import self_tested

from .limits import Limits
from .settings import Settings


def create_app(settings: Settings) -> Litestar:
    """Return the ASGI application for *settings*; its lifespan opens and closes the models.

    Nothing is loaded before the lifespan begins, so an application can be made only to read its
    routes or its OpenAPI document (`app.state.document`, encoded JSON).
    """
    server = settings.server
    server_metrics = Metrics()
    keys = Keys(server.api_keys)
    app = Litestar(
        route_handlers=_handlers(server.limits),
        guards=[KeyGuard(keys, free=free(server))],
        dependencies={
            "models": Provide(_models, sync_to_thread=False),
            "metrics": Provide(lambda: server_metrics, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        lifespan=[partial(_serving, settings, server_metrics)],
        state=State({"server": server, "api_keys": keys, "long_texts": asyncio.Semaphore(2)}),
        before_send=[stamp],
        after_exception=[server_metrics.count_refusal, RefusalDelays(server.limits).delay],
        cors_config=_cors(server.cors_origins),
        request_class=ApiRequest,
        request_max_body_size=server.limits.body_bytes,
        logging_config=None,  # the command line sets logging up
        # Litestar's own document lacks bounds of numbers, answers and errors.
        openapi_config=None,
    )
    app.state.document = msgspec.json.encode(document(app))
    # Not as Litestar's middleware: it would pass each event through one more exception handler.
    held = BodyMemory(app.asgi_handler, HeldBytes(), server.limits.held_bytes)
    app.asgi_handler = CancelOnDisconnect(held)
    if server.single_flight:
        flights = Flights(lambda result: server_metrics.single_flight.labels(result).inc())
        app.asgi_handler = SingleFlight(app.asgi_handler, flights)
    app.asgi_handler = Deadlines(app.asgi_handler, server)
    return app


def _handlers(limits: Limits) -> list[ControllerRouterHandler]:
    """Return the handlers of all routes, in the order of the OpenAPI document."""
    uploads = Router(
        "/",
        route_handlers=[TranscriptionController],
        request_max_body_size=limits.upload_bytes,
    )
    tokenizer = Router(
        "/",
        route_handlers=[TokenizerController],
        request_max_body_size=limits.tokenize_bytes,
    )
    queued = Router(
        "/",
        route_handlers=[
            ChatController,
            CompletionsController,
            ResponsesController,
            EmbeddingsController,
            uploads,
        ],
        guards=[queue_guard],
    )
    return [
        queued,
        ModelsController,
        tokenizer,
        health,
        ready,
        metrics,
        openapi,
    ]


@asynccontextmanager
async def _serving(
    settings: Settings, server_metrics: Metrics, app: Litestar
) -> AsyncGenerator[None, None]:
    """Open and test the models, start the JSON worker and the measurement of the loop's lag.

    All of it is closed when the block ends.
    """
    decoded_bytes = settings.server.limits.decoded_bytes
    opening = opened(settings.models, server_metrics.on_batch, decoded_bytes=decoded_bytes)
    async with opening as backends:
        models = Models(settings.models, backends, server_metrics.requests)
        app.state.models = models
        async with self_tested(models.self_tests, on_pass=server_metrics.count_batches):
            for served in models.served:
                if served.parent is None:  # an adapter shares its model's queue
                    server_metrics.watch_queue(served.id, served.admission)
            with JsonWorker() as app.state.json_worker:
                async with measured_lag(server_metrics.loop_lag.observe):
                    yield


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    """Return Litestar's CORS settings for web pages of *origins*; None if there are no origins."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=["*"],
        expose_headers=["x-request-id", "retry-after", "retry-after-ms", "x-shim-manifest"],
    )


def _models(state: State, scope: Scope) -> Models:
    """Return the models for one request: if its URL names a model, only that one can be found."""
    models: Models = state.models
    named = cast("str | None", scope.get(IN_SCOPE))
    return models if named is None else models.pinned(named)
