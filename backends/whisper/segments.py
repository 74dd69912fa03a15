"""faster-whisper's segments and words as the seam's."""

from typing import Any

from backends.base import Candidate, Segment, Word

from .seat import Token


def segment(found: Any, tokenizer: Any, *, logprobs: bool) -> Segment:
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
        logprobs=_candidates(found.tokens, tokenizer) if logprobs else None,
    )


def _word(found: Any) -> Word:
    return Word(
        word=found.word,
        start=float(found.start),
        end=float(found.end),
        probability=float(found.probability),
    )


def _candidates(tokens: list[int], tokenizer: Any) -> tuple[Candidate, ...]:
    weighed = [token for token in tokens if isinstance(token, Token)]
    pieces = (_bytes(tokenizer.id_to_token(int(token))) for token in weighed)
    return tuple(
        Candidate(piece.decode(errors="replace"), token.logprob, piece)
        for token, piece in zip(weighed, pieces, strict=True)
    )


def _bytes(piece: str) -> bytes:
    """Return the bytes that a byte-level BPE writes as letters."""
    return bytes(_BYTES[letter] for letter in piece)


def _letters() -> dict[str, int]:
    """Return GPT-2's alphabet: a printable byte is its own letter, the others come after U+0100.

    Source: `bytes_to_unicode` in the encoder that OpenAI published with GPT-2.
    """
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in own]
    return {chr(byte): byte for byte in own} | {
        chr(0x100 + at): byte for at, byte in enumerate(others)
    }


_BYTES = _letters()
