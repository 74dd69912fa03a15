"""The wire of embeddings: OpenAI's shapes as msgspec Structs, nothing else."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shim.api.generation.vllm_parameters import TokenId
from shim.limits import Name


class EmbeddingRequest(Struct, frozen=True, kw_only=True):
    """OpenAI's request and vLLM's extras: what is honoured of them."""

    model: Name | None = None
    """May be missing where the URL names it."""
    input: str | list[str | TokenId | list[TokenId]]
    """A text, texts, token ids or lists of token ids."""
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    # vLLM's.
    add_special_tokens: bool | None = None
    use_activation: bool | None = None
    truncate_prompt_tokens: Annotated[int, Meta(ge=-1)] | None = None
    truncation_side: Literal["left", "right"] | None = None


class EmbeddingItem(Struct, frozen=True, kw_only=True, tag_field="object", tag="embedding"):
    """The vector of one input."""

    index: int
    """Of the input in the request."""
    embedding: list[float] | str
    """Numbers, or their float32 bytes, little end first, in base64."""


class EmbeddingUsage(Struct, frozen=True, kw_only=True):
    """Tokens of all inputs together."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, frozen=True, kw_only=True, tag_field="object", tag="list"):
    """The whole answer; its vectors in the order of the inputs."""

    data: list[EmbeddingItem]
    model: str
    usage: EmbeddingUsage
