"""Engine values → the whole answer of a transcription: pure functions, no I/O."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from backends.base import LOWEST_LOGPROB, Candidate, Segment, TranscriptInfo, Word

from . import languages, other_names
from .other_names import Task
from .protocol import (
    DurationUsage,
    Logprob,
    SegmentBody,
    SpokenLanguage,
    Transcription,
    TranscriptionForm,
    VerboseTranscription,
    WordBody,
)
from .subtitles import srt, vtt

Items = Iterable[TranscriptInfo | Segment]
Body = Transcription | VerboseTranscription | str

_encode = msgspec.json.Encoder().encode


def answer(form: TranscriptionForm, task: Task, items: Items, *, silence: str = "") -> Body:
    """Fold the *items* of a finished transcription into the form that was asked for.

    *silence* is the text where nothing was said.
    """
    found, *rest = items
    segments = [item for item in rest if isinstance(item, Segment)]
    if not isinstance(found, TranscriptInfo):
        raise TypeError("a transcription begins with its TranscriptInfo")
    text = text_of(segments)
    match form.response_format:
        case "text":
            return text + "\n"
        case "srt":
            return srt(segments)
        case "vtt":
            return vtt(segments)
        case "verbose_json":
            return _verbose(form, task, found, segments, text or silence)
        case _:
            return Transcription(
                text=text or silence,
                languages=UNSET if task == "translate" else spoken_languages(form, found, text),
                logprobs=logprobs_of(segments) if form.include else UNSET,
                usage=_usage(found),
            )


def written(form: TranscriptionForm, task: Task, items: Items, *, silence: str = "") -> bytes:
    """Return `answer` in bytes. For a thread: no call keeps Python's lock for milliseconds."""
    body = answer(form, task, items, silence=silence)
    if isinstance(body, str):
        return body.encode()
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    return _encode({name: _pieces(v) for name, v in fields.items() if v is not UNSET})


def _pieces(value: Any) -> Any:
    """Return *value*, a list encoded item by item."""
    if not isinstance(value, list):
        return value
    return msgspec.Raw(b"[" + b",".join([_encode(item) for item in value]) + b"]")


def _verbose(
    form: TranscriptionForm,
    task: Task,
    found: TranscriptInfo,
    segments: Sequence[Segment],
    text: str,
) -> VerboseTranscription:
    granularities = other_names.granularities(form)
    words = [word for segment in segments for word in segment.words or ()]
    return VerboseTranscription(
        task=task,
        # Of the text, as OpenAI has it: a translation is always English.
        language="english" if task == "translate" else languages.name(found.language),
        language_probability=found.language_probability,
        duration=found.duration,
        text=text,
        segments=[_segment(at, segment) for at, segment in enumerate(segments)]
        if "segment" in granularities
        else UNSET,
        words=list(map(_word, words)) if "word" in granularities else UNSET,
        usage=_usage(found),
    )


def text_of(segments: Iterable[Segment]) -> str:
    """Return the text of *segments*, without white space at its ends."""
    return "".join(segment.text for segment in segments).strip()


def _usage(found: TranscriptInfo) -> DurationUsage:
    return DurationUsage(seconds=math.ceil(found.duration))


def spoken_languages(
    form: TranscriptionForm, found: TranscriptInfo, text: str
) -> list[SpokenLanguage]:
    """Return the language of the recording; where nothing was said, only one that was named."""
    return [SpokenLanguage(found.language)] if text or form.language else []


def _segment(at: int, segment: Segment) -> SegmentBody:
    # faster-whisper counts from 1, OpenAI from 0.
    return replace(msgspec.convert(segment, SegmentBody, from_attributes=True), id=at)


def _word(word: Word) -> WordBody:
    return WordBody(word=word.word.strip(), start=word.start, end=word.end)


def logprobs_of(segments: Iterable[Segment]) -> list[Logprob]:
    """Return the tokens of *segments* with their natural log probabilities."""
    return [_logprob(token) for segment in segments for token in segment.logprobs or ()]


def _logprob(token: Candidate) -> Logprob:
    return Logprob(token.token, max(token.logprob, LOWEST_LOGPROB), list(token.bytes))
