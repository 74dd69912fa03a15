"""Creates the Litestar application of a configuration: its routes, hooks and limits."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ASGIApp, ControllerRouterHandler, Receive, Scope, Send

from shim.api import health
from shim.api.batches.controller import BatchesController
from shim.api.chat.controller import ChatController
from shim.api.completions.controller import CompletionsController
from shim.api.embeddings.controller import EmbeddingsController
from shim.api.files.controller import FilesController
from shim.api.full_queues import queue_guard
from shim.api.models.controller import ModelsController
from shim.api.openapi.document import document, openapi
from shim.api.responses.controller import ResponsesController
from shim.api.tokenizer.controller import TokenizerController
from shim.api.transcription.controller import TranscriptionController
from shim.api.visible_models import visible_models
from shim.exchanges.cache import Cached
from shim.http.auth import KeyGuard, Keys, free
from shim.http.body_memory import BodyMemory
from shim.http.deadlines import Deadlines
from shim.http.disconnects import CancelOnDisconnect
from shim.http.error_handlers import HANDLERS
from shim.http.faults import FaultGuard, Faults
from shim.http.guards import in_turn
from shim.http.rate_limits import RateLimits, add_headers
from shim.http.repeated_refusals import RefusalDelays
from shim.http.request import ApiRequest
from shim.http.request_log import RequestLog, note_error, note_route
from shim.http.single_flight import SingleFlight
from shim.serving.models import Models

from .batch_settings import BatchSettings
from .limits import Limits
from .runtime import Runtime
from .settings import ServerSettings, Settings

_FORM_BYTES = 64 << 10
"""Bytes that a form has beside its file and its fields: boundaries and headers of its parts."""

if TYPE_CHECKING:
    from shim.api.transcription.downloads import Downloads


def create_app(
    settings: Settings, runtime: Runtime | None = None, models: Models | None = None
) -> Litestar:
    """Return the ASGI application for *settings*, which serves the open *models* of *runtime*.

    Without a runtime the application has one of its own, whose models its lifespan opens and
    closes: so an application can be made only to read its routes or its OpenAPI document
    (`app.state.document`, encoded JSON). `app.state.batch_lines` is the application that answers
    requests of batches.
    """
    server = settings.server
    lifespan = []
    if runtime is None:
        runtime = Runtime(settings)
        lifespan.append(partial(_running, settings, runtime))
    metrics_ = runtime.metrics
    keys = Keys(server)
    app = Litestar(
        route_handlers=_handlers(server.limits, settings.batches),
        guards=[
            in_turn(
                note_route,
                KeyGuard(keys, free=free(server), limiter=runtime.rate_limiter),
                FaultGuard(allowed=server.allow_faults, free=free(server)),
            )
        ],
        dependencies={
            "models": Provide(visible_models, sync_to_thread=False),
            "metrics": Provide(lambda: metrics_, sync_to_thread=False),
            "batches": Provide(runtime.opened_batches, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        lifespan=lifespan,
        state=_state(server, runtime, models),
        before_send=[add_headers] if keys.are_limited else [],
        after_exception=[note_error, RefusalDelays(server.limits).delay],
        cors_config=_cors(server.cors_origins),
        request_class=ApiRequest,
        request_max_body_size=server.limits.body_bytes,
        logging_config=None,  # the command line sets logging up
        # Litestar's own document lacks bounds of numbers, answers and errors.
        openapi_config=None,
    )
    app.state.document = msgspec.json.encode(document(app))
    # Not as Litestar's middleware: it would pass each event through one more exception handler.
    inner = BodyMemory(_cached(app, server, runtime), runtime.held, server.limits.held_bytes)
    app.state.batch_lines = RequestLog(_without_connection(app, inner), runtime.on_end)
    app.asgi_handler = _around(inner, server, runtime, is_limited=keys.are_limited)
    return app


def _state(server: ServerSettings, runtime: Runtime, models: Models | None) -> State:
    """Return what requests find in `app.state`."""
    return State(
        {
            "server": server,
            "models": models,
            "json_worker": runtime.json_worker,
            "batches": runtime.opened_batches,
            "downloads": _downloads(server),
            "long_texts": asyncio.Semaphore(2),
        }
    )


def _cached(app: Litestar, server: ServerSettings, runtime: Runtime) -> ASGIApp:
    """Return the routes of *app*, within the cache of answers if *runtime* has one."""
    if runtime.answer_cache is None:
        return app.asgi_handler
    return Cached(
        app.asgi_handler,
        runtime.answer_cache,
        models_of=partial(visible_models, app.state),
        server=server,
        worker=runtime.json_worker,
    )


def _without_connection(app: Litestar, inner: ASGIApp) -> ASGIApp:
    """Return *inner*, the routes of *app*, for requests that do not come through `app` itself."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = scope["litestar_app"] = app  # as Litestar's `__call__` does
        await inner(scope, receive, send)

    return routed


def _around(app: ASGIApp, server: ServerSettings, runtime: Runtime, *, is_limited: bool) -> ASGIApp:
    """Return *app* within the applications that a request passes after its route is known."""
    if is_limited:
        app = RateLimits(app)
    app = CancelOnDisconnect(app)
    if server.single_flight:
        app = SingleFlight(app, runtime.flights)
    app = Deadlines(app, server)
    # Outermost: a fault is one of the connection, as if the network had it.
    return Faults(app) if server.allow_faults else app


def _handlers(limits: Limits, batches: BatchSettings) -> list[ControllerRouterHandler]:
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
    files = Router(
        "/",
        route_handlers=[FilesController],
        request_max_body_size=batches.file_bytes + limits.field_bytes + _FORM_BYTES,
    )
    return [
        queued,
        files,
        BatchesController,
        ModelsController,
        tokenizer,
        health.health,
        health.ready,
        health.metrics,
        openapi,
    ]


@asynccontextmanager
async def _running(
    settings: Settings, runtime: Runtime, app: Litestar
) -> AsyncGenerator[None, None]:
    """Open the models of an application with a runtime of its own; close them at the end."""
    async with runtime.running(settings) as app.state.models:
        runtime.line_app.use(app.state.batch_lines)
        yield


def _downloads(server: ServerSettings) -> "Downloads | None":
    """Return what fetches recordings at URLs; None if no host is allowed."""
    if not server.allowed_media_hosts:
        return None
    # Here, because the HTTP client takes half a second to be imported.
    from shim.api.transcription.downloads import Downloads  # noqa: PLC0415

    return Downloads(server.allowed_media_hosts, most_bytes=server.limits.upload_bytes)


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    """Return Litestar's CORS settings for web pages of *origins*; None if there are no origins."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=[
            "x-request-id",
            "x-shim-cache",
            "retry-after",
            "retry-after-ms",
            "x-shim-manifest",
            "x-shim-single-flight",
        ],
    )
