"""The wire types of text completions: OpenAI's shapes, nothing else."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from shim.api.generation.protocol import FinishReason, StreamOptions, Usage
from shim.api.generation.response_format import ResponseFormat
from shim.api.generation.vllm_parameters import GenerationFields, TokenId
from shim.limits import Name


class CompletionRequest(GenerationFields, frozen=True, kw_only=True):
    """The fields of OpenAI and vLLM that this route honours."""

    model: Name | None = None
    """May be missing if the URL names the model."""
    prompt: str | Annotated[list[str | TokenId | list[TokenId]], Meta(min_length=1)]
    """A text, several texts, the token ids of a text, or several lists of token ids."""
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    """Null means 16, as at OpenAI; it does not mean "no limit"."""
    max_completion_tokens: Annotated[int, Meta(ge=0)] | None = None
    """The name that chats use for the limit."""
    max_output_tokens: Annotated[int, Meta(ge=0)] | None = None
    """The name that responses use for the limit."""
    best_of: Annotated[int, Meta(ge=0)] | None = None
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None


class Logprobs(Struct, frozen=True, kw_only=True):
    """The log probabilities of a text's tokens. All lists have one entry for each token."""

    tokens: list[str]
    token_logprobs: list[float | None]
    """Natural logarithms, at least -9999; null for the first token of an echoed prompt."""
    top_logprobs: list[dict[str, float] | None]
    """The most probable tokens plus the actual one, whose value equals `token_logprobs`."""
    text_offset: list[int]
    """Where each token begins in the text, in characters."""


class Choice(Struct, frozen=True, kw_only=True):
    """One generated text; in a stream, a part of it."""

    text: str
    index: int
    """From 0. The choices of prompt number p begin at p times `n`."""
    logprobs: Logprobs | None = None
    finish_reason: FinishReason | None = None
    stop_reason: int | str | UnsetType = UNSET
    """vLLM's: the stop string or the token id that ended the text."""
    token_ids: list[int] | UnsetType = UNSET
    prompt_token_ids: list[int] | UnsetType = UNSET
    prompt_logprobs: list[Any] | UnsetType = UNSET


class TextCompletion(Struct, frozen=True, kw_only=True, tag_field="object", tag="text_completion"):
    """A whole answer, or one event of a stream."""

    id: str
    created: int
    """Unix time in seconds."""
    model: str
    choices: list[Choice]
    system_fingerprint: str
    usage: Usage | UnsetType | None = UNSET
    """In a stream only if the request sets `include_usage`: null in all events but the last."""
