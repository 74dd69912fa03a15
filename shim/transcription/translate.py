"""Wire ↔ engine values for transcriptions: pure functions, no I/O."""

import math
from collections.abc import Iterable, Sequence
from typing import BinaryIO

import msgspec
from msgspec import UNSET

from backends.base import Job, Segment, TranscriptInfo, Word
from shim.errors import InvalidParameter, UnsupportedParameter

from . import languages
from .protocol import (
    DurationUsage,
    SegmentBody,
    Transcription,
    TranscriptionForm,
    VerboseTranscription,
    WordBody,
)
from .subtitles import srt, vtt

# ── wire → engine ─────────────────────────────────────────────────────────────


def check(form: TranscriptionForm) -> None:
    """Raise UnsupportedParameter or InvalidParameter for what cannot be answered as asked."""
    refused = ("include", "languages", "keywords", "chunking_strategy", "stream")
    speakers = ("known_speaker_names", "known_speaker_references")
    for name in (*refused, *speakers):
        if getattr(form, name):
            raise UnsupportedParameter(f"`{name}` is not supported by this server.", param=name)
    if "word" in form.timestamp_granularities and form.response_format != "verbose_json":
        raise InvalidParameter(
            "`timestamp_granularities` needs `response_format: verbose_json`.",
            param="timestamp_granularities",
        )


def to_job(form: TranscriptionForm, audio: BinaryIO) -> Job:
    """Translate *form* for the recording *audio*.

    OpenAI documents temperature 0 as "raise it as the log probability demands": that is the
    engine's own ladder, which is what an unset temperature gets too.
    """
    return Job(
        audio=audio,
        language=languages.code(form.language) if form.language else None,
        prompt=form.prompt,
        temperature=form.temperature or None,
        word_timestamps="word" in form.timestamp_granularities,
    )


# ── engine → wire ─────────────────────────────────────────────────────────────


def answer(
    form: TranscriptionForm, items: Iterable[TranscriptInfo | Segment]
) -> Transcription | VerboseTranscription | str:
    """Fold the *items* of a finished transcription into the form that was asked for."""
    found, *rest = items
    segments = [item for item in rest if isinstance(item, Segment)]
    if not isinstance(found, TranscriptInfo):
        raise TypeError("a transcription begins with its TranscriptInfo")
    match form.response_format:
        case "json":
            return Transcription(text=_text(segments), usage=_usage(found))
        case "text":
            return _text(segments) + "\n"
        case "srt":
            return srt(segments)
        case "vtt":
            return vtt(segments)
        case "verbose_json":
            return _verbose(form, found, segments)


def _verbose(
    form: TranscriptionForm, found: TranscriptInfo, segments: Sequence[Segment]
) -> VerboseTranscription:
    granularities = form.timestamp_granularities or ["segment"]
    words = [word for segment in segments for word in segment.words or ()]
    return VerboseTranscription(
        task="transcribe",
        language=languages.name(found.language),
        duration=found.duration,
        text=_text(segments),
        segments=list(map(_segment, segments)) if "segment" in granularities else UNSET,
        words=list(map(_word, words)) if "word" in granularities else UNSET,
        usage=_usage(found),
    )


def _text(segments: Iterable[Segment]) -> str:
    return "".join(segment.text for segment in segments).strip()


def _usage(found: TranscriptInfo) -> DurationUsage:
    return DurationUsage(seconds=math.ceil(found.duration))


def _segment(segment: Segment) -> SegmentBody:
    return msgspec.convert(segment, SegmentBody, from_attributes=True)


def _word(word: Word) -> WordBody:
    return WordBody(word=word.word.strip(), start=word.start, end=word.end)
