"""Runs a transcription and returns it as the items of a generation."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, NamedTuple

from backends.base import Finish, Generated, Job, Segment, SpeechBackend, TextDelta, TranscriptInfo
from shim.api.generation.parameter_names import renamed, renaming
from shim.api.transcription.base64_audio import decoded
from shim.api.transcription.protocol import TextDone, TokenUsage, TranscriptionForm
from shim.api.transcription.stream import events
from shim.serving.request_metrics import Route
from shim.serving.served_model import ServedModel

from .options import PLACES
from .recording import Recording

_FORM = TranscriptionForm()


class SpeechRequest(NamedTuple):
    """A recording and how to transcribe it."""

    recording: Recording
    job: Job


class Answer(NamedTuple):
    """The items of an answer, the model that makes them, and the headers to send with it."""

    served: ServedModel[Any]
    items: AsyncGenerator[Generated, None]
    headers: Mapping[str, str] = MappingProxyType({})


async def transcribed(
    request: SpeechRequest, served: ServedModel[SpeechBackend], *, route: Route
) -> Answer:
    """Decode the recording from base64; return its transcription by *served*, not yet started.

    Raises InvalidParameter if the recording is not base64, and what the backend's `prepare` raises.
    """
    places = {**PLACES, "audio": request.recording.place}
    with renaming(places):
        prepared = served.backend.prepare(request.job)
    audio = await decoded(request.recording.text, param=request.recording.place)
    transcript = served.backend.transcribe(audio, prepared)
    items = served.run(transcript, route=route)
    manifest = served.manifests.keep(prepared.manifest)
    headers = {"x-shim-manifest": manifest}
    return Answer(served, renamed(generated(items), places), headers)


async def generated(
    items: AsyncGenerator[TranscriptInfo | Segment, None],
) -> AsyncGenerator[Generated, None]:
    """Yield a transcription as a generation's only choice: a delta per segment, then its finish."""
    async with aclosing(events(_FORM, items)) as transcript:
        async for event in transcript:
            if isinstance(event, TextDone):
                yield _finish(event.usage)
            elif event.delta:
                yield TextDelta(index=0, text=event.delta)


def _finish(usage: TokenUsage) -> Finish:
    return Finish(
        index=0,
        reason="stop",
        prompt_tokens=usage.input_tokens,
        audio_tokens=usage.input_token_details.audio_tokens,
        completion_tokens=usage.output_tokens,
    )
