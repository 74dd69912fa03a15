"""A transcript over HTTP, compared with what faster-whisper gives offline."""

from collections.abc import Sequence
from typing import Any

import pytest
from faster_whisper.transcribe import Segment, TranscriptionInfo

Transcript = tuple[Sequence[Segment], TranscriptionInfo]
"""What `WhisperModel.transcribe` returns, its segments collected."""

NUMBERS = ("avg_logprob", "no_speech_prob", "compression_ratio")


def text_of(segments: Sequence[Segment]) -> str:
    """Return the whole text of *segments*."""
    return "".join(segment.text for segment in segments).strip()


def assert_transcript(found: dict[str, Any], expected: Transcript) -> None:
    """Compare a `verbose_json` with what faster-whisper gave offline.

    Text, times and tokens are equal. Log probabilities are within 1e-3, as sums over a batch may be
    made in another order.
    """
    segments, info = expected
    assert found["duration"] == info.duration
    assert found["text"] == text_of(segments)
    assert len(found["segments"]) == len(segments)
    assert [ours["id"] for ours in found["segments"]] == list(range(len(segments)))
    for ours, theirs in zip(found["segments"], segments, strict=True):
        for key in ("seek", "text", "tokens", "temperature"):
            assert ours[key] == getattr(theirs, key), key
        assert (ours["start"], ours["end"]) == (float(theirs.start), float(theirs.end))
        for key in NUMBERS:
            assert ours[key] == pytest.approx(getattr(theirs, key), abs=1e-3), key
    words = [word for segment in segments for word in segment.words or ()]
    assert [(w["word"], w["start"], w["end"]) for w in found.get("words", ())] == [
        (word.word.strip(), float(word.start), float(word.end)) for word in words
    ]
