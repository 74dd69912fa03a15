"""faster-whisper's segments become the seam's, with tokens as bytes."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from backends.base import Candidate, Segment, Word
from backends.text.token_bytes import TokenBytes
from backends.whisper.model_proxy import Token
from backends.whisper.segments import segment


@dataclass
class Spoken:
    """A word as faster-whisper gives it."""

    word: str
    start: Any
    end: Any
    probability: Any


@dataclass
class Native:
    """A segment as faster-whisper gives it."""

    tokens: list[int]
    words: list[Spoken] | None = None
    text: str = " Guten Tag"
    id: int = 3
    seek: int = 100
    start: Any = 1.0
    end: Any = 2.0
    temperature: float = 0.2
    avg_logprob: float = -0.3
    compression_ratio: float = 1.1
    no_speech_prob: float = 0.01


PIECES = TokenBytes([b"a"].__getitem__)
"""A vocabulary of one letter."""


def token(number: int, logprob: float = -0.5) -> Token:
    """Return a token with its log probability."""
    token = Token(number)
    token.logprob = logprob
    return token


def test_a_segment() -> None:
    """Every number stays the same."""
    converted = segment(Native([5, 6]), PIECES, logprobs=False)

    assert converted == Segment(
        id=3,
        seek=100,
        start=1.0,
        end=2.0,
        text=" Guten Tag",
        tokens=(5, 6),
        temperature=0.2,
        avg_logprob=-0.3,
        compression_ratio=1.1,
        no_speech_prob=0.01,
    )


def test_words() -> None:
    """NumPy's numbers, which msgspec cannot encode, become Python's."""
    half = np.float64(0.5)
    spoken = Spoken(" Tag", half, np.float32(1.5), np.float16(0.25))

    converted = segment(Native([], [spoken], start=half, end=half), PIECES, logprobs=False)

    assert converted.words == (Word(word=" Tag", start=0.5, end=1.5, probability=0.25),)
    assert b'"start":0.5' in msgspec.json.encode(converted)


def test_tokens_are_plain_numbers() -> None:
    """Tokens with a log probability become plain numbers."""
    converted = segment(Native([token(0)]), PIECES, logprobs=True)

    assert converted.tokens == (0,)
    assert type(converted.tokens[0]) is int
    assert msgspec.json.decode(msgspec.json.encode(converted))["tokens"] == [0]


def test_timestamps_have_no_log_probability() -> None:
    """Only tokens of the text have a log probability; timestamps are left out."""
    converted = segment(Native([1000, token(0, -0.25), 1001]), PIECES, logprobs=True)

    assert converted.logprobs == (Candidate("a", -0.25, b"a"),)
    assert converted.tokens == (1000, 0, 1001)


def test_none_unless_requested() -> None:
    """Without `logprobs` there are none; with it there is a tuple, even if it is empty."""
    assert segment(Native([token(0)]), PIECES, logprobs=False).logprobs is None
    assert segment(Native([1000]), PIECES, logprobs=True).logprobs == ()
