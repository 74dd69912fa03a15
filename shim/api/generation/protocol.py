"""The wire of what all routes of generated text share: OpenAI's shapes as msgspec Structs."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

# ── request ───────────────────────────────────────────────────────────────────


class StreamOptions(Struct, frozen=True, kw_only=True):
    """What a stream brings besides its text."""

    include_usage: bool | None = None


Count = Annotated[int, Meta(ge=1)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


# ── answer ────────────────────────────────────────────────────────────────────

FinishReason = Literal["stop", "length", "tool_calls"]


class CompletionTokensDetails(Struct, frozen=True, kw_only=True):
    """What the completions' tokens were for."""

    reasoning_tokens: int


class PromptTokensDetails(Struct, frozen=True, kw_only=True):
    """What the prompt's tokens are."""

    audio_tokens: int


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens: the prompt's once, the completions' over all choices."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    completion_tokens_details: CompletionTokensDetails | UnsetType = UNSET
    """Of models whose reasoning can be told apart."""
    prompt_tokens_details: PromptTokensDetails | UnsetType = UNSET
    """Of models that transcribe."""


class TopLogprob(Struct, frozen=True, kw_only=True):
    """A token that could have stood there; `bytes` is its UTF-8, which may be half a character."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(Struct, frozen=True, kw_only=True):
    """The token that stands there, and its rivals."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[TopLogprob]


class Logprobs(Struct, frozen=True, kw_only=True):
    """The log probabilities of a choice or of a chunk."""

    content: list[TokenLogprob]
    refusal: None = None
