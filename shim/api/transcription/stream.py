"""Makes the events of a streamed transcription from the engine's items."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from msgspec import UNSET, UnsetType

from backends.base import Segment, TranscriptInfo

from .answer import logprobs_of, spoken_languages, text_of
from .protocol import InputTokens, Logprob, TextDelta, TextDone, TokenUsage, TranscriptionForm

_POSITIONS_PER_SECOND = 50
"""Positions of Whisper's encoder for a second of audio; each counts as one input token."""


async def events(
    form: TranscriptionForm, items: AsyncGenerator[TranscriptInfo | Segment, None]
) -> AsyncGenerator[TextDelta | TextDone, None]:
    """Yield a delta for each segment, then the whole text: the deltas joined.

    Raises TypeError unless *items* are a TranscriptInfo and then segments. Closing this generator
    closes *items*.
    """
    async with aclosing(items):
        info = await anext(items)
        if not isinstance(info, TranscriptInfo):
            raise TypeError("a transcription begins with its TranscriptInfo")
        segments: list[Segment] = []
        logprobs: list[Logprob] = []
        space, has_text = "", False
        async for segment in items:
            if not isinstance(segment, Segment):
                raise TypeError("a transcription has one TranscriptInfo")
            # White space is kept, except at the ends of the whole text. So white space at the end
            # of a segment waits for the next segment.
            text = space + segment.text
            text = text if has_text else text.lstrip()
            delta, space = text.rstrip(), text[len(text.rstrip()) :]
            has_text = has_text or bool(delta)
            segments.append(segment)
            new = logprobs_of([segment])
            logprobs += new
            yield TextDelta(delta=delta, logprobs=new if form.include else UNSET)
    yield _done(form, info, segments, logprobs if form.include else UNSET)


def _done(
    form: TranscriptionForm,
    info: TranscriptInfo,
    segments: Sequence[Segment],
    logprobs: list[Logprob] | UnsetType,
) -> TextDone:
    audio = math.ceil(info.duration * _POSITIONS_PER_SECOND)
    output = sum(len(segment.tokens) for segment in segments)
    usage = TokenUsage(
        input_tokens=audio + info.prompt_tokens,
        input_token_details=InputTokens(audio, info.prompt_tokens),
        output_tokens=output,
        total_tokens=audio + info.prompt_tokens + output,
    )
    text = text_of(segments)
    languages = spoken_languages(form, info, text)
    return TextDone(text=text, languages=languages, logprobs=logprobs, usage=usage)
