"""`/v1/models`: what is served, and how its answers are made."""

import re

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import UNSET, Struct, UnsetType

from backends.base import Backend, Job, Manifest, SpeechBackend, TextBackend
from shim.serving.models import Models, ServedModel


class ModelCard(Struct, frozen=True, kw_only=True, tag_field="object", tag="model"):
    """A model as `GET /v1/models` lists it."""

    id: str
    created: int
    owned_by: str = "shim"
    parent: str | UnsetType = UNSET
    """The model that an adapter belongs to; of adapters."""
    max_model_len: int | UnsetType = UNSET
    """Tokens of prompt and completion together; of an embedding model, of a text."""


class ModelList(Struct, frozen=True, tag_field="object", tag="list"):
    """The answer of `GET /v1/models`."""

    data: list[ModelCard]


class ModelsController(Controller):
    """What is served, aliases included: a client may ask for any of these names."""

    path = "/v1/models"

    @get()
    async def list(self, models: NamedDependency[Models]) -> ModelList:
        """List every name."""
        return ModelList([_card(m, name) for m in models.served for name in m.names])

    @get("/{model_id:path}")
    async def retrieve(
        self, models: NamedDependency[Models], model_id: FromPath[str]
    ) -> ModelCard | Manifest:
        """Describe one, or how it answers; its id may contain slashes."""
        name = model_id.removeprefix("/")
        if name not in models and (asked := _MANIFEST.fullmatch(name)):
            return _manifest(models.speech(asked["name"]), asked["hash"])
        return _card(models.find(name), name)


_MANIFEST = re.compile("(?P<name>.+)/manifest(/(?P<hash>[^/]+))?")


def _manifest(model: ServedModel[SpeechBackend], short: str | None) -> Manifest:
    """Return how the answers of that hash were made; without one, those to a bare request."""
    return model.manifests.find(
        short or model.manifests.keep(model.backend.prepare(Job()).manifest)
    )


def _card(model: ServedModel[Backend], name: str) -> ModelCard:
    backend = model.backend
    length = backend.max_model_len if isinstance(backend, TextBackend) else UNSET
    return ModelCard(
        id=name, created=model.created, parent=model.parent or UNSET, max_model_len=length
    )
