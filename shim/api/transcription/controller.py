"""Transcriptions and translations: receive, judge, admit, answer."""

import asyncio
from contextlib import ExitStack
from functools import partial

from litestar import Controller, MediaType, Response, post
from litestar.di import NamedDependency

from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.serving.metrics import Telemetry
from shim.serving.models import Models
from shim.serving.pipeline import collected, primed

from .answer import written
from .intake import received
from .other_names import Task
from .stream import events


class TranscriptionController(Controller):
    """`POST /v1/audio/transcriptions` and `/v1/audio/translations`, with and without `/v1`."""

    @post(["/v1/audio/transcriptions", "/audio/transcriptions"], status_code=200)
    async def transcribe(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
        telemetry: NamedDependency[Telemetry],
    ) -> Response[bytes] | EventStream:
        """Write down what is said."""
        return await _answer(request, models, telemetry, "transcribe")

    @post(["/v1/audio/translations", "/audio/translations"], status_code=200)
    async def translate(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
        telemetry: NamedDependency[Telemetry],
    ) -> Response[bytes] | EventStream:
        """Write down in English what is said."""
        return await _answer(request, models, telemetry, "translate")


async def _answer(
    request: ApiRequest, models: Models, telemetry: Telemetry, task: Task
) -> Response[bytes] | EventStream:
    with ExitStack() as stack:
        recording = await received(request, models, task)
        stack.callback(recording.audio.close)
        form, served = recording.form, recording.served
        transcript = served.backend.transcribe(recording.audio, recording.job)
        items = telemetry.observe(served.id, served.admission.admit(transcript))
        manifest = served.manifests.keep(served.backend.manifest(recording.job))
        headers = {"x-shim-manifest": manifest}
        if form.stream:
            first = await primed(events(form, items))
            # From here on the stream holds the recording, and closes it at its end.
            return EventStream(first, headers=headers, holding=stack.pop_all())
        done = await collected(items)
        make = partial(written, form, recording.job.task, done, silence=recording.silence)
        body = make() if len(done) <= _MANY else await asyncio.to_thread(make)
    media = MediaType.TEXT if form.response_format in _TEXTS else MediaType.JSON
    return Response(body, media_type=media, headers=headers)


_TEXTS = ("text", "srt", "vtt")

_MANY = 100
"""Segments, of some minutes, that are made an answer of on the event loop: 5 ms at most."""
