"""Whether the process lives, whether every model can answer, and how all of it goes."""

import asyncio

from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import UNSET, Struct, UnsetType

from shim.errors import UNAVAILABLE
from shim.http.auth import PUBLIC, Keys
from shim.http.request import ApiRequest
from shim.serving.metrics import Telemetry
from shim.serving.models import Models


class Health(Struct, frozen=True):
    """The answer of `GET /health`."""

    status: str = "ok"


class Readiness(Struct, frozen=True):
    """The answer of `GET /ready`."""

    ready: bool
    models: dict[str, bool] | UnsetType = UNSET
    """By id; only for those who have a key, where there are keys."""


@get("/health", opt={PUBLIC: True})
async def health() -> Health:
    """Answer as long as the event loop turns."""
    return Health()


@get("/ready", opt={PUBLIC: True})
async def ready(request: ApiRequest, models: NamedDependency[Models]) -> Response[Readiness]:
    """Answer 200 if every model would answer a request now."""
    states = await asyncio.gather(*(model.ready() for model in models.served))
    by_id = dict(zip((model.id for model in models.served), states, strict=True))
    keys: Keys = request.app.state.api_keys
    shown = by_id if keys.allow(request) else UNSET
    status = 200 if all(states) else UNAVAILABLE
    return Response(Readiness(all(states), shown), status_code=status)


@get("/metrics", media_type="text/plain; version=0.0.4")
async def metrics(telemetry: NamedDependency[Telemetry]) -> bytes:
    """Answer in Prometheus's text format; behind a key where there are keys."""
    return telemetry.text()
