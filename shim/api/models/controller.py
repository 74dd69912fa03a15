"""`/v1/models`: the list of models, one model, and manifests of transcriptions."""

import re

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import UNSET

from backends.base import Backend, Job, Manifest, RemoteBackend, SpeechBackend, TextBackend
from shim.api.openapi.operation import Operation
from shim.api.remote.answer import RemoteAnswer
from shim.api.remote.passing import passed_on_get
from shim.http.request import ApiRequest
from shim.serving.models import Models
from shim.serving.served_model import ServedModel

from .protocol import ModelCard, ModelList

_MANIFEST = re.compile("(?P<name>.+)/manifest(/(?P<hash>[^/]+))?")
"""`NAME/manifest` and `NAME/manifest/HASH`."""


class ModelsController(Controller):
    """`GET /v1/models` and `GET /v1/models/{model_id}`."""

    path = "/v1/models"

    @get(operation=Operation(summary="List every name.", answers=(ModelList,)))
    async def list(self, models: NamedDependency[Models]) -> ModelList:
        """Return a card for each name of each model: ids, aliases and LoRA adapters."""
        return ModelList([_card(m, name) for m in models.served for name in m.names])

    @get(
        "/{model_id:path}",
        operation=Operation(
            summary="Describe a model, or, by `ID/manifest/HASH`, how it made its answers.",
            answers=(ModelCard, Manifest),
        ),
    )
    async def retrieve(
        self, request: ApiRequest, models: NamedDependency[Models], model_id: FromPath[str]
    ) -> ModelCard | Manifest | RemoteAnswer:
        """Return the card of a model, or a manifest of a speech model.

        *model_id* is a name, `NAME/manifest` or `NAME/manifest/HASH`; a name may contain slashes.
        Raises UnknownModel or UnknownManifest.
        """
        name = model_id.removeprefix("/")
        if name not in models and (match := _MANIFEST.fullmatch(name)):
            if (served := models.remote(match["name"])) is not None:
                path = f"/models/{{model}}{name[match.end('name') :]}"
                return await passed_on_get(request, served, path, everywhere=True)
            return _manifest(models.speech(match["name"]), match["hash"])
        return _card(models.find(name), name)


def _manifest(model: ServedModel[SpeechBackend], short: str | None) -> Manifest:
    """Return the manifest with the hash *short*; None: that of a request without any options."""
    if short is None:
        short = model.manifests.keep(model.backend.prepare(Job()).manifest)
    return model.manifests.find(short)


def _card(model: ServedModel[Backend], name: str) -> ModelCard:
    backend = model.backend
    length = backend.max_model_len if isinstance(backend, TextBackend | RemoteBackend) else None
    return ModelCard(
        id=name, created=model.created, parent=model.parent or UNSET, max_model_len=length or UNSET
    )
