"""Adds up the tokens of a batch's answers, whose routes name them in different words."""

import msgspec
from msgspec import Raw, Struct


class Usage(Struct, frozen=True):
    """Tokens of all answers of a batch."""

    input_tokens: int = 0
    cached_tokens: int = 0
    """Those of the input that a cache had."""
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Those of the output that are reasoning."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class _Details(Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Tokens(Struct):
    """The names of chats, texts and embeddings, and those of responses and transcriptions."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Body(Struct):
    usage: _Tokens | None = None


_DECODER = msgspec.json.Decoder(_Body)


def usage_of(body: bytes | Raw) -> Usage:
    """Return the tokens that an answer's JSON states; none where it has no `usage` of OpenAI's."""
    try:
        tokens = _DECODER.decode(body).usage
    except msgspec.ValidationError:  # a text, or another server's own form of usage
        return Usage()
    if tokens is None:
        return Usage()
    read = tokens.prompt_tokens_details or tokens.input_tokens_details or _Details()
    written = tokens.completion_tokens_details or tokens.output_tokens_details or _Details()
    return Usage(
        tokens.prompt_tokens or tokens.input_tokens or 0,
        read.cached_tokens or 0,
        tokens.completion_tokens or tokens.output_tokens or 0,
        written.reasoning_tokens or 0,
    )
