"""faster-whisper's segments and words as the seam's."""

from typing import Any

from backends.base import Candidate, Segment, Word
from backends.text.token_bytes import TokenBytes

from .model_proxy import Token


def segment(found: Any, pieces: TokenBytes, *, logprobs: bool) -> Segment:
    """Return a `faster_whisper.transcribe.Segment`, with its text's tokens if *logprobs*."""
    # With word timestamps faster-whisper's times are NumPy scalars, which JSON does not know.
    words = found.words
    return Segment(
        id=found.id,
        seek=found.seek,
        start=float(found.start),
        end=float(found.end),
        text=found.text,
        tokens=tuple(map(int, found.tokens)),
        temperature=found.temperature,
        avg_logprob=found.avg_logprob,
        compression_ratio=found.compression_ratio,
        no_speech_prob=found.no_speech_prob,
        words=None if words is None else tuple(map(_word, words)),
        logprobs=_candidates(found.tokens, pieces) if logprobs else None,
    )


def _word(found: Any) -> Word:
    return Word(
        word=found.word,
        start=float(found.start),
        end=float(found.end),
        probability=float(found.probability),
    )


def _candidates(tokens: list[int], pieces: TokenBytes) -> tuple[Candidate, ...]:
    weighed = (token for token in tokens if isinstance(token, Token))
    return tuple(pieces.candidate(int(token), token.logprob) for token in weighed)
