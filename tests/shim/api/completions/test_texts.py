"""Tokens of a completion, their log probabilities and offsets, whole and streamed."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from backends.base import Candidate, Finish, Generated, PromptEcho, TextDelta, TokenLogprob
from shim.api.completions.answer import completion
from shim.api.completions.stream import events
from shim.api.generation.heading import Heading

HEADING = Heading("cmpl-1", 7, "m", "fp_1")


def token(raw: bytes) -> TokenLogprob:
    """Return the log probabilities of a token of these bytes."""
    drawn = Candidate(raw.decode(errors="backslashreplace"), -0.5, raw)
    return TokenLogprob(drawn, (Candidate("best", -0.1, b"best"),))


ECHO = PromptEcho(
    text="aü",
    tokens=("<s>", "a", "ü"),
    offsets=(0, 0, 1),
    logprobs=(None, *map(token, [b"a", b"\xc3\xbc"])),
)
SMILE = [
    # An engine holds back the bytes of an incomplete character, but sends its tokens.
    TextDelta(index=0, text="", logprobs=(token(b"\xf0\x9f"),)),
    TextDelta(index=0, text="😀", logprobs=(token(b"\x98\x80"),)),
    TextDelta(index=0, text=" b", logprobs=(token(b" b"), token(b"<end>"))),
]
END = Finish(index=0, reason="stop", prompt_tokens=3, completion_tokens=4)
OFFSETS = [0, 0, 1, 2, 2, 3, 5]
TOKENS = ["<s>", "a", "ü", r"\xf0\x9f", r"\x98\x80", " b", "<end>"]


async def streamed(*items: Generated) -> list[Any]:
    """Return the log probabilities in each event of *items*."""

    async def numbered() -> AsyncGenerator[tuple[int, Generated], None]:
        for item in items:
            yield 0, item

    stream = events(HEADING, numbered(), n=1, include_usage=False)
    pieces = [choice async for event in stream for choice in event.choices]
    return [msgspec.to_builtins(piece.logprobs) for piece in pieces if piece.logprobs]


def test_offsets() -> None:
    """A token's offset is that of its first character; the echoed prompt comes first."""
    whole = completion(HEADING, [(0, item) for item in (ECHO, *SMILE, END)], n=1)

    (choice,) = whole.choices
    assert choice.text == "aü😀 b"
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == TOKENS
    assert choice.logprobs.text_offset == OFFSETS
    assert choice.logprobs.token_logprobs == [None, *[-0.5] * 6]
    assert choice.logprobs.top_logprobs[0] is None
    assert choice.logprobs.top_logprobs[3] == {"best": -0.1, r"\xf0\x9f": -0.5}


def test_a_text_without_its_prompt() -> None:
    """Without an echo, offsets count from the beginning of the answer."""
    whole = completion(HEADING, [(0, item) for item in (*SMILE, END)], n=1)

    assert whole.choices[0].logprobs is not None
    assert whole.choices[0].logprobs.text_offset == [0, 0, 1, 3]


async def test_a_stream_is_the_same() -> None:
    """The events of a stream have the tokens and offsets of the whole answer."""
    events_ = await streamed(ECHO, *SMILE, END)

    assert [token for piece in events_ for token in piece["tokens"]] == TOKENS
    assert [offset for piece in events_ for offset in piece["text_offset"]] == OFFSETS
