"""`/health`, `/ready` and `/metrics`: the state of the process and of its models."""

import asyncio

from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import UNSET, Struct, UnsetType

from backends.base import RemoteBackend
from shim.api.openapi.operation import Operation
from shim.errors import UNAVAILABLE, NotPermitted
from shim.http.auth import PUBLIC, client_of
from shim.http.request import ApiRequest
from shim.serving.metrics import Metrics
from shim.serving.models import Models
from shim.serving.replicas import by_node


class Health(Struct, frozen=True):
    """The answer of `GET /health`."""

    status: str = "ok"


class Readiness(Struct, frozen=True):
    """The answer of `GET /ready`."""

    ready: bool
    models: dict[str, bool] | UnsetType = UNSET
    """Whether each model that the client's key may use can answer now, by its id; missing for a
    client without a needed key."""
    replicas: dict[str, dict[str, int]] | UnsetType = UNSET
    """The number of replicas on each node of those of the models that are on a cluster."""


@get(
    "/health",
    opt={PUBLIC: True},
    operation=Operation(summary="Answer as long as the server lives.", answers=(Health,)),
)
async def health() -> Health:
    """Return the same answer as long as the event loop runs."""
    return Health()


@get(
    "/ready",
    opt={PUBLIC: True},
    operation=Operation(
        summary="Tell whether every model would answer now.",
        answers=(Readiness,),
        unavailable=Readiness,
    ),
)
async def ready(request: ApiRequest, models: NamedDependency[Models]) -> Response[Readiness]:
    """Return whether each model would answer a request now; with a 503 unless all would."""
    every: Models = request.app.state.models
    states = await _states(every)
    known = {model.id: states[model.id] for model in models.served}
    shown = UNSET if client_of(request.scope) is None else known
    replicas = UNSET if shown is UNSET else by_node(models.served) or UNSET
    whole = all(states.values())
    return Response(Readiness(whole, shown, replicas), status_code=200 if whole else UNAVAILABLE)


async def _states(models: Models) -> dict[str, bool]:
    """Return whether each model would answer a request now, by its id."""
    states = await asyncio.gather(*(model.ready() for model in models.served))
    return dict(zip((model.id for model in models.served), states, strict=True))


@get(
    "/metrics",
    media_type="text/plain; version=0.0.4",
    operation=Operation(summary="Return metrics in Prometheus's text format.", text=True),
)
async def metrics(
    request: ApiRequest, metrics: NamedDependency[Metrics], models: NamedDependency[Models]
) -> bytes:
    """Return the metrics in Prometheus's text format; needs a key if keys are configured.

    Raises NotPermitted for a key that may use only some models: the metrics name all of them.
    """
    client = client_of(request.scope)
    if client is not None and client.models is not None:
        raise NotPermitted("This key may use only some models, and the metrics are of all.")
    metrics.models.note_ready(await _states(models))
    metrics.models.note_replicas(by_node(models.served))
    metrics.upstreams.note_ready(
        {
            model.id: model.backend.upstreams()
            for model in models.served
            if isinstance(model.backend, RemoteBackend)
        }
    )
    return metrics.text()
