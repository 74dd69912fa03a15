"""Formats segments as subtitles: SubRip and WebVTT."""

from collections.abc import Iterable, Iterator

from backends.base import Segment


def srt(segments: Iterable[Segment]) -> str:
    """Return *segments* as SubRip cues, numbered from 1; an empty text for no segments."""
    cues = (
        f"{number}\n{_span(segment, ',')}\n{_line(segment)}\n\n"
        for number, segment in enumerate(segments, start=1)
    )
    return "".join(cues)


def vtt(segments: Iterable[Segment]) -> str:
    """Return *segments* as a WebVTT file (W3C, WebVTT, section 4)."""
    return "".join(_vtt(segments))


def _vtt(segments: Iterable[Segment]) -> Iterator[str]:
    yield "WEBVTT\n\n"
    for segment in segments:
        yield f"{_span(segment, '.')}\n{_line(segment)}\n\n"


def _line(segment: Segment) -> str:
    # Players would read an arrow in the text as the cue's timing.
    return segment.text.strip().replace("-->", "->")


def _span(segment: Segment, separator: str) -> str:
    return f"{_time(segment.start, separator)} --> {_time(segment.end, separator)}"


def _time(seconds: float, separator: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}{separator}{milliseconds:03d}"
