"""Engine values → the events of a streamed transcription."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from msgspec import UNSET, UnsetType

from backends.base import Segment, TranscriptInfo

from .answer import logprobs_of, spoken_languages, text_of
from .protocol import InputTokens, Logprob, TextDelta, TextDone, TokenUsage, TranscriptionForm

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
            new = logprobs_of([segment])
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
    text = text_of(segments)
    languages = spoken_languages(form, found, text)
    return TextDone(text=text, languages=languages, logprobs=logprobs, usage=usage)
