"""Makes the whole answer of a transcription from the engine's items: pure functions."""

import math
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from backends.base import LOWEST_LOGPROB, Candidate, Segment, TranscriptInfo, Word
from shim.http.json_answer import encoded_in_pieces

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


def answer(form: TranscriptionForm, task: Task, items: Items, *, silence: str = "") -> Body:
    """Return the answer that *items*, a finished transcription, have in the format of *form*.

    *silence* is the text of an answer in JSON if nothing was said. Raises TypeError if *items* do
    not begin with a TranscriptInfo.
    """
    info, *rest = items
    segments = [item for item in rest if isinstance(item, Segment)]
    if not isinstance(info, TranscriptInfo):
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
            return _verbose(form, task, info, segments, text or silence)
        case _:
            return Transcription(
                text=text or silence,
                languages=UNSET if task == "translate" else spoken_languages(form, info, text),
                logprobs=logprobs_of(segments) if form.include else UNSET,
                usage=_usage(info),
            )


def encoded_answer(
    form: TranscriptionForm, task: Task, items: Items, *, silence: str = ""
) -> bytes:
    """Return `answer` as bytes: JSON, encoded by short calls, or text."""
    body = answer(form, task, items, silence=silence)
    return body.encode() if isinstance(body, str) else encoded_in_pieces(body)


def _verbose(
    form: TranscriptionForm,
    task: Task,
    info: TranscriptInfo,
    segments: Sequence[Segment],
    text: str,
) -> VerboseTranscription:
    granularities = other_names.granularities(form)
    words = [word for segment in segments for word in segment.words or ()]
    return VerboseTranscription(
        task=task,
        # The language of the text, as at OpenAI: a translation is always English.
        language="english" if task == "translate" else languages.name(info.language),
        language_probability=info.language_probability,
        duration=info.duration,
        text=text,
        segments=[_segment(number, segment) for number, segment in enumerate(segments)]
        if "segment" in granularities
        else UNSET,
        words=list(map(_word, words)) if "word" in granularities else UNSET,
        usage=_usage(info),
    )


def text_of(segments: Iterable[Segment]) -> str:
    """Return the text of *segments* together, without white space at its ends."""
    return "".join(segment.text for segment in segments).strip()


def _usage(info: TranscriptInfo) -> DurationUsage:
    return DurationUsage(seconds=math.ceil(info.duration))


def spoken_languages(
    form: TranscriptionForm, info: TranscriptInfo, text: str
) -> list[SpokenLanguage]:
    """Return the language of the recording, as a list of one.

    The list is empty if *text* is empty and the request does not name a language: then the detected
    language means nothing.
    """
    return [SpokenLanguage(info.language)] if text or form.language else []


def _segment(number: int, segment: Segment) -> SegmentBody:
    # faster-whisper counts from 1, OpenAI from 0.
    return replace(msgspec.convert(segment, SegmentBody, from_attributes=True), id=number)


def _word(word: Word) -> WordBody:
    return WordBody(word=word.word.strip(), start=word.start, end=word.end)


def logprobs_of(segments: Iterable[Segment]) -> list[Logprob]:
    """Return the tokens of *segments* with their natural-log probabilities, at least -9999."""
    return [_logprob(token) for segment in segments for token in segment.logprobs or ()]


def _logprob(token: Candidate) -> Logprob:
    return Logprob(token.token, max(token.logprob, LOWEST_LOGPROB), list(token.bytes))
