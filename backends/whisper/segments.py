"""Converts faster-whisper's segments and words to those of `backends/base.py`."""

from typing import Any

from backends.base import Candidate, Segment, Word
from backends.text.token_bytes import TokenBytes

from .model_proxy import Token


def segment(native: Any, token_bytes: TokenBytes, *, logprobs: bool) -> Segment:
    """Return *native*, a `faster_whisper.transcribe.Segment`, as a Segment.

    With *logprobs* the Segment also has each token of its text with its bytes, from *token_bytes*,
    and its log probability.
    """
    # With word timestamps faster-whisper's times are NumPy scalars, which msgspec cannot encode.
    words = native.words
    return Segment(
        id=native.id,
        seek=native.seek,
        start=float(native.start),
        end=float(native.end),
        text=native.text,
        tokens=tuple(map(int, native.tokens)),
        temperature=native.temperature,
        avg_logprob=native.avg_logprob,
        compression_ratio=native.compression_ratio,
        no_speech_prob=native.no_speech_prob,
        words=None if words is None else tuple(map(_word, words)),
        logprobs=_candidates(native.tokens, token_bytes) if logprobs else None,
    )


def _word(native: Any) -> Word:
    return Word(
        word=native.word,
        start=float(native.start),
        end=float(native.end),
        probability=float(native.probability),
    )


def _candidates(token_ids: list[int], token_bytes: TokenBytes) -> tuple[Candidate, ...]:
    """Return the tokens of *token_ids* that have a log probability: those of the text."""
    tokens = (token for token in token_ids if isinstance(token, Token))
    return tuple(token_bytes.candidate(int(token), token.logprob) for token in tokens)
