"""The wire types that all routes of generated text share: OpenAI's shapes, nothing else."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

# ── request ───────────────────────────────────────────────────────────────────


class StreamOptions(Struct, frozen=True, kw_only=True):
    """Options of a stream."""

    include_usage: bool | None = None
    """Whether the stream ends with an event that holds the usage."""


Count = Annotated[int, Meta(ge=1)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


# ── answer ────────────────────────────────────────────────────────────────────

FinishReason = Literal["stop", "length", "tool_calls"]


class CompletionTokensDetails(Struct, frozen=True, kw_only=True):
    """How many of the completion's tokens are reasoning."""

    reasoning_tokens: int


class PromptTokensDetails(Struct, frozen=True, kw_only=True):
    """How many of the prompt's tokens are positions of a recording."""

    audio_tokens: int


class Usage(Struct, frozen=True, kw_only=True):
    """Counts of tokens. Each prompt counts once; the completions of all choices are added up."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    completion_tokens_details: CompletionTokensDetails | UnsetType = UNSET
    """Present if the engine counts reasoning tokens."""
    prompt_tokens_details: PromptTokensDetails | UnsetType = UNSET
    """Present if the model transcribes."""


class TopLogprob(Struct, frozen=True, kw_only=True):
    """One of the most probable tokens at a position."""

    token: str
    logprob: float
    """Natural logarithm of the probability, at least -9999."""
    bytes: list[int]
    """UTF-8 of the token, which may be a part of a character."""


class TokenLogprob(Struct, frozen=True, kw_only=True):
    """A generated token and the most probable tokens at its position."""

    token: str
    logprob: float
    """Natural logarithm of the probability, at least -9999."""
    bytes: list[int]
    """UTF-8 of the token, which may be a part of a character."""
    top_logprobs: list[TopLogprob]
    """The most probable first."""


class Logprobs(Struct, frozen=True, kw_only=True):
    """The log probabilities of a choice's tokens, or of those in one chunk."""

    content: list[TokenLogprob]
    refusal: None = None
