"""Engine → wire values of transcriptions, whole and streamed: pure functions, no I/O."""

import math
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from backends.base import Candidate, Segment, TranscriptInfo, Word

from . import languages, names
from .names import Task
from .protocol import (
    DurationUsage,
    InputTokens,
    Logprob,
    SegmentBody,
    SpokenLanguage,
    TextDelta,
    TextDone,
    TokenUsage,
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
    text = _text(segments)
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
                languages=UNSET if task == "translate" else _languages(form, found, text),
                logprobs=_logprobs(segments) if form.include else UNSET,
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
    granularities = names.granularities(form)
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


def _text(segments: Iterable[Segment]) -> str:
    return "".join(segment.text for segment in segments).strip()


def _usage(found: TranscriptInfo) -> DurationUsage:
    return DurationUsage(seconds=math.ceil(found.duration))


def _languages(form: TranscriptionForm, found: TranscriptInfo, text: str) -> list[SpokenLanguage]:
    """Return the language of the recording; where nothing was said, only one that was named."""
    return [SpokenLanguage(found.language)] if text or form.language else []


def _segment(at: int, segment: Segment) -> SegmentBody:
    # faster-whisper counts from 1, OpenAI from 0.
    return replace(msgspec.convert(segment, SegmentBody, from_attributes=True), id=at)


def _word(word: Word) -> WordBody:
    return WordBody(word=word.word.strip(), start=word.start, end=word.end)


def _logprobs(segments: Iterable[Segment]) -> list[Logprob]:
    return [_logprob(token) for segment in segments for token in segment.logprobs or ()]


def _logprob(token: Candidate) -> Logprob:
    return Logprob(token.token, max(token.logprob, _IMPOSSIBLE), list(token.bytes))


_IMPOSSIBLE = -9999.0
"""OpenAI's word for a probability of 0, whose logarithm JSON cannot hold."""


# ── engine → stream ───────────────────────────────────────────────────────────

_POSITIONS = 50
"""Positions of Whisper's encoder for a second of audio: what it reads of it, as tokens."""


async def events(
    form: TranscriptionForm, items: AsyncGenerator[TranscriptInfo | Segment, None]
) -> AsyncGenerator[TextDelta | TextDone, None]:
    """Yield a delta per segment, then the whole: its text is that of the deltas together."""
    async with aclosing(items):
        found = await anext(items)
        if not isinstance(found, TranscriptInfo):
            raise TypeError("a transcription begins with its TranscriptInfo")
        segments: list[Segment] = []
        logprobs: list[Logprob] = []
        held, said = "", False
        async for segment in items:
            if not isinstance(segment, Segment):
                raise TypeError("a transcription has one TranscriptInfo")
            # White space at the ends of the text is no part of it; within, it is.
            text = (held if segments else "") + segment.text
            text = text if said else text.lstrip()
            delta, held = text.rstrip(), text[len(text.rstrip()) :]
            said = said or bool(delta)
            segments.append(segment)
            new = _logprobs([segment])
            logprobs += new
            yield TextDelta(delta=delta, logprobs=new if form.include else UNSET)
    yield _done(form, found, segments, logprobs if form.include else UNSET)


def _done(
    form: TranscriptionForm,
    found: TranscriptInfo,
    segments: Sequence[Segment],
    logprobs: list[Logprob] | UnsetType,
) -> TextDone:
    audio = math.ceil(found.duration * _POSITIONS)
    written = sum(len(segment.tokens) for segment in segments)
    usage = TokenUsage(
        input_tokens=audio + found.prompt_tokens,
        input_token_details=InputTokens(audio, found.prompt_tokens),
        output_tokens=written,
        total_tokens=audio + found.prompt_tokens + written,
    )
    text = _text(segments)
    languages = _languages(form, found, text)
    return TextDone(text=text, languages=languages, logprobs=logprobs, usage=usage)
