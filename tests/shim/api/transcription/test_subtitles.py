"""Subtitles: times, numbers and texts, to the character."""

import pytest

from backends.base import Segment
from shim.api.transcription.subtitles import srt, vtt


def segment(start: float, end: float, text: str) -> Segment:
    """Return a segment with these times and text; its other values do not matter."""
    return Segment(
        id=1,
        seek=0,
        start=start,
        end=end,
        text=text,
        tokens=(),
        temperature=0.0,
        avg_logprob=0.0,
        compression_ratio=1.0,
        no_speech_prob=0.0,
    )


SEGMENTS = [segment(0, 1.5, " Good morning."), segment(1.5, 3661.0009, " Bye --> bye. ")]


def test_srt() -> None:
    """Cues are numbered from 1, with commas before the milliseconds."""
    assert srt(SEGMENTS) == (
        "1\n00:00:00,000 --> 00:00:01,500\nGood morning.\n\n"
        "2\n00:00:01,500 --> 01:01:01,001\nBye -> bye.\n\n"
    )


def test_vtt() -> None:
    """There is a header, there are no numbers, and points before the milliseconds."""
    assert vtt(SEGMENTS) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.500\nGood morning.\n\n"
        "00:00:01.500 --> 01:01:01.001\nBye -> bye.\n\n"
    )


def test_nothing_said() -> None:
    """Without segments there are no cues."""
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n\n"


@pytest.mark.parametrize(
    ("seconds", "time"),
    [
        (0.0004, "00:00:00,000"),
        (0.9996, "00:00:01,000"),
        (59.9999, "00:01:00,000"),
        (3599.9999, "01:00:00,000"),
        (360_000.0, "100:00:00,000"),
    ],
)
def test_times(seconds: float, time: str) -> None:
    """Rounding carries over to the hours, of which there may be many."""
    assert f" --> {time}\n" in srt([segment(0, seconds, "a")])
