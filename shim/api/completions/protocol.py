"""The wire of text completions: OpenAI's shapes as msgspec Structs, nothing else."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.api.generation.protocol import FinishReason, StreamOptions, Usage
from shim.api.generation.response_format import ResponseFormat
from shim.api.generation.vllm_parameters import GenerationFields, TokenId
from shim.limits import Name


class CompletionRequest(GenerationFields, frozen=True, kw_only=True):
    """OpenAI's request and vLLM's extras: what is honoured of them."""

    model: Name | None = None
    """May be missing where the URL names it."""
    prompt: str | Annotated[list[str | TokenId | list[TokenId]], Meta(min_length=1)]
    """A text, texts, token ids or lists of token ids."""
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    """Null is the default of 16, as at OpenAI, and not without a limit."""
    max_completion_tokens: Annotated[int, Meta(ge=0)] | None = None
    """What chats call it."""
    max_output_tokens: Annotated[int, Meta(ge=0)] | None = None
    """What responses call it."""
    best_of: Annotated[int, Meta(ge=0)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None


class Logprobs(Struct, frozen=True, kw_only=True):
    """What every token of a text weighs; the lists are of one length."""

    tokens: list[str]
    token_logprobs: list[float | None]
    """Natural logarithms; null for a prompt's first token, before which there is nothing."""
    top_logprobs: list[dict[str, float] | None]
    """The most probable tokens and the one that stands there, by the very number above."""
    text_offset: list[int]
    """Where in the text each begins, in characters."""


class Choice(Struct, frozen=True, kw_only=True):
    """One text; of a stream, one piece of it."""

    text: str
    index: int
    logprobs: Logprobs | None = None
    finish_reason: FinishReason | None = None
    stop_reason: int | str | UnsetType = UNSET
    """vLLM's: the stop string or token id that ended it."""
    token_ids: list[int] | UnsetType = UNSET
    prompt_token_ids: list[int] | UnsetType = UNSET
    prompt_logprobs: list[Any] | UnsetType = UNSET


class TextCompletion(Struct, frozen=True, kw_only=True, tag_field="object", tag="text_completion"):
    """A whole answer, or one event of a stream."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    system_fingerprint: str
    usage: Usage | UnsetType | None = UNSET
