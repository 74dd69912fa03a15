"""The wire types of embeddings: OpenAI's shapes, nothing else."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shim.api.generation.vllm_parameters import TokenId
from shim.limits import Name


class EmbeddingRequest(Struct, frozen=True, kw_only=True):
    """The fields of OpenAI and vLLM that this route honours."""

    model: Name | None = None
    """May be missing if the URL names the model."""
    input: str | list[str | TokenId | list[TokenId]]
    """A text, several texts, the token ids of a text, or several lists of token ids."""
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    """The length of the vectors, for models that support shorter ones."""
    # vLLM's parameters
    add_special_tokens: bool | None = None
    use_activation: bool | None = None
    truncate_prompt_tokens: Annotated[int, Meta(ge=-1)] | None = None
    truncation_side: Literal["left", "right"] | None = None


class EmbeddingItem(Struct, frozen=True, kw_only=True, tag_field="object", tag="embedding"):
    """The vector of one input."""

    index: int
    """The position of the input in the request, from 0."""
    embedding: list[float] | str
    """Numbers, or base64 of their little-endian float32 bytes."""


class EmbeddingUsage(Struct, frozen=True, kw_only=True):
    """The number of tokens of all inputs together; both counts are the same."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, frozen=True, kw_only=True, tag_field="object", tag="list"):
    """The whole answer. Its vectors are in the order of the inputs."""

    data: list[EmbeddingItem]
    model: str
    usage: EmbeddingUsage
