"""The answers of `/v1/models`: OpenAI's shapes as msgspec Structs."""

from msgspec import UNSET, Struct, UnsetType


class ModelCard(Struct, frozen=True, kw_only=True, tag_field="object", tag="model"):
    """A model as `GET /v1/models` lists it."""

    id: str
    created: int
    """Unix time in seconds."""
    owned_by: str = "shim"
    parent: str | UnsetType = UNSET
    """Id of the model that a LoRA adapter belongs to; missing for others."""
    max_model_len: int | UnsetType = UNSET
    """Most tokens of prompt and completion together, or of a text to embed; missing for speech."""


class ModelList(Struct, frozen=True, tag_field="object", tag="list"):
    """The answer of `GET /v1/models`."""

    data: list[ModelCard]
