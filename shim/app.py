"""`create_app(settings)`: wiring only, the one file that imports everything.

It is one long function, because it is a list: of routes, hooks and limits.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import Scope

from backends.registry import opened
from shim.api.chat.controller import ChatController
from shim.api.completions.controller import CompletionsController
from shim.api.embeddings.controller import EmbeddingsController
from shim.api.health import health, metrics, ready
from shim.api.models.controller import ModelsController
from shim.api.openapi.document import document_route
from shim.api.responses.controller import ResponsesController
from shim.api.tokenizer.controller import TokenizerController
from shim.api.transcription.controller import TranscriptionController
from shim.http.auth import KeyGuard, Keys, free
from shim.http.body_memory import BodyMemory
from shim.http.disconnects import CancelOnDisconnect
from shim.http.error_handlers import HANDLERS
from shim.http.json_worker import JsonWorker
from shim.http.model_prefix import IN_SCOPE
from shim.http.repeated_refusals import RefusalDelays
from shim.http.request import ApiRequest
from shim.http.request_id import stamp
from shim.serving.metrics import Telemetry, watched
from shim.serving.models import Models
from shim.serving.self_test import checked

from .settings import Settings


def create_app(settings: Settings) -> Litestar:
    """Return the ASGI application for *settings*; its lifespan opens and closes the models."""
    server = settings.server
    telemetry = Telemetry()
    keys = Keys(server.api_keys)

    @asynccontextmanager
    async def serving(app: Litestar) -> AsyncGenerator[None, None]:
        decoded_bytes = server.limits.decoded_bytes
        opening = opened(settings.models, telemetry.on_batch, decoded_bytes=decoded_bytes)
        async with opening as backends:
            app.state.models = models = Models(settings.models, backends)
            async with checked(models.self_tests, on_pass=telemetry.count_batches):
                for served in models.served:
                    if served.parent is None:  # an adapter shares its model's queue
                        telemetry.watch_queue(served.id, served.admission)
                with JsonWorker() as app.state.json_worker:
                    async with watched(telemetry):
                        yield

    uploads = Router(
        "/",
        route_handlers=[TranscriptionController],
        request_max_body_size=server.limits.upload_bytes,
    )
    tokenizer = Router(
        "/",
        route_handlers=[TokenizerController],
        request_max_body_size=server.limits.tokenize_bytes,
    )
    app = Litestar(
        route_handlers=[
            health,
            ready,
            metrics,
            document_route(server),
            ModelsController,
            ChatController,
            CompletionsController,
            ResponsesController,
            EmbeddingsController,
            tokenizer,
            uploads,
        ],
        guards=[KeyGuard(keys, free=free(server))],
        dependencies={
            "models": Provide(_models, sync_to_thread=False),
            "telemetry": Provide(lambda: telemetry, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        lifespan=[serving],
        state=State({"server": server, "api_keys": keys, "tokenizing": asyncio.Semaphore(2)}),
        before_send=[stamp],
        after_exception=[RefusalDelays(server.limits).delay],
        cors_config=_cors(server.cors_origins),
        request_class=ApiRequest,
        request_max_body_size=server.limits.body_bytes,
        logging_config=None,  # the command line sets logging up
        # Litestar's own lacks bounds, answers and failures.
        openapi_config=None,
    )
    # Not as a middleware: Litestar would put each event through one more handler of exceptions.
    app.asgi_handler = CancelOnDisconnect(BodyMemory(app.asgi_handler, server.limits.held_bytes))
    return app


def _cors(origins: tuple[str, ...]) -> CORSConfig | None:
    """Return Litestar's CORS settings for pages of these *origins*; None if there are not any."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=["*"],
        expose_headers=["x-request-id", "retry-after", "retry-after-ms", "x-shim-manifest"],
    )


def _models(state: State, scope: Scope) -> Models:
    models: Models = state.models
    named = cast("str | None", scope.get(IN_SCOPE))
    return models if named is None else models.pinned(named)
