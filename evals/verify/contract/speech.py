"""The contract of transcriptions: five formats and a stream."""

import re

from evals.verify import samples
from evals.verify.check import Check
from evals.verify.events import STREAM, read
from evals.verify.shapes import Transcription, TranscriptionEvent
from evals.verify.target import Target
from evals.verify.verdict import Breach, Findings

_SRT = re.compile(r"1\r?\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\r?\n")
_VTT = re.compile(r"WEBVTT[^\n]*\r?\n\r?\n(\d\d:)?\d\d:\d\d\.\d{3} --> ")
TEXT_TYPES = {"srt": {"text/plain", "application/x-subrip"}, "vtt": {"text/plain", "text/vtt"}}
"""Media types that servers give subtitles."""


async def transcription_as_json(target: Target, found: Findings) -> None:
    """`json` is an object with the text, which the stock client accepts."""
    reply = await target.transcription(samples.clips()[0], response_format="json")

    parsed = reply.parsed()
    text = reply.read(Transcription).text
    found.equal(reply.request, expected="application/json", got=reply.media_type)
    found.equal(reply.request, expected=text, got=getattr(parsed, "text", None))


async def transcription_as_text(target: Target, found: Findings) -> None:
    """`text` is the text itself, as text/plain and not as JSON."""
    clip = samples.clips()[0]
    expected = (await target.transcription(clip)).read(Transcription).text

    reply = await target.transcription(clip, response_format="text")

    body = reply.body().decode(errors="replace")
    found.equal(reply.request, expected="text/plain", got=reply.media_type)
    found.equal(reply.request, expected=expected.strip(), got=body.strip())


async def transcription_as_srt(target: Target, found: Findings) -> None:
    """`srt` is SubRip."""
    await _subtitles(target, found, "srt", _SRT)


async def transcription_as_vtt(target: Target, found: Findings) -> None:
    """`vtt` is WebVTT."""
    await _subtitles(target, found, "vtt", _VTT)


async def _subtitles(target: Target, found: Findings, form: str, pattern: re.Pattern[str]) -> None:
    reply = await target.transcription(samples.clips()[0], response_format=form)

    body = reply.body().decode(errors="replace")
    right = reply.media_type in TEXT_TYPES[form]
    expected = f"one of {sorted(TEXT_TYPES[form])}"
    found.expect(right, reply.request, expected=expected, got=reply.media_type)
    right = pattern.match(body) is not None
    found.expect(right, reply.request, expected=f"{form} subtitles", got=body)


async def transcription_as_verbose_json(target: Target, found: Findings) -> None:
    """`verbose_json` has segments in the order of their times, which add up to the text."""
    target.needs("verbose_json")
    clip = samples.clips()[0]
    expected = (await target.transcription(clip)).read(Transcription).text

    reply = await target.transcription(clip, response_format="verbose_json")

    answer = reply.read(Transcription)
    segments = answer.segments or []
    found.equal(reply.request, expected=expected, got=answer.text)
    text = "".join(segment.text for segment in segments)
    found.equal(reply.request, expected=answer.text.split(), got=text.split())
    times = [time for segment in segments for time in (segment.start, segment.end)]
    found.equal(reply.request, expected=sorted(times), got=times)


async def streamed_transcription(target: Target, found: Findings) -> None:
    """A stream's deltas are the whole text, which its last event has again."""
    clip = samples.clips()[0]
    expected = (await target.transcription(clip)).read(Transcription).text

    reply = await target.transcription(clip, stream=True)

    reply.body()
    if reply.media_type != STREAM:
        raise Breach(reply.request, expected=f"a stream ({STREAM})", got=reply.media_type)
    found_events = read(reply, TranscriptionEvent)
    deltas = (e.delta for e in found_events if e.type == "transcript.text.delta")
    found.equal(reply.request, expected=expected.strip(), got="".join(deltas).strip())
    last = found_events[-1] if found_events else None
    right = last is not None and last.type == "transcript.text.done" and last.text == expected
    found.expect(right, reply.request, expected=f"a last event with {expected!r}", got=last)


CHECKS = tuple(
    Check("contract", ("transcriptions",), run)
    for run in (
        transcription_as_json,
        transcription_as_text,
        transcription_as_srt,
        transcription_as_vtt,
        transcription_as_verbose_json,
        streamed_transcription,
    )
)
