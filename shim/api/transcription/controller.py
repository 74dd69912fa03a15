"""Serves transcriptions and translations: reads and checks the request, runs it, answers."""

import asyncio
from contextlib import ExitStack
from functools import partial
from typing import Any

from litestar import Controller, MediaType, Response, post
from litestar.di import NamedDependency

from backends.whisper_options import Decoding
from shim.api.openapi.operation import Operation
from shim.api.remote.passing import passed_on_form
from shim.errors import ErrorAnswer
from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.serving.models import Models
from shim.serving.pipeline import collected, primed
from shim.serving.request_metrics import Route

from .answer import encoded_answer
from .intake import read_request, refuse_unknown
from .other_names import Task
from .protocol import (
    TextDelta,
    TextDone,
    Transcription,
    TranscriptionForm,
    VerboseTranscription,
)
from .schemas import bodies
from .stream import events


def _operation(summary: str) -> Operation:
    return Operation(
        summary=summary,
        request=TranscriptionForm,
        answers=(Transcription, VerboseTranscription),
        text=True,
        events=(TextDelta, TextDone, ErrorAnswer),
        refers_to=(Decoding,),
        body=bodies,
    )


class TranscriptionController(Controller):
    """`POST /v1/audio/transcriptions` and `/v1/audio/translations`, with and without `/v1`."""

    @post(
        ["/v1/audio/transcriptions", "/audio/transcriptions"],
        status_code=200,
        operation=_operation("Write down what is said."),
    )
    async def transcribe(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
    ) -> Response[Any] | EventStream:
        """Write down what is said."""
        return await _answer(request, models, "transcribe")

    @post(
        ["/v1/audio/translations", "/audio/translations"],
        status_code=200,
        operation=_operation("Write down in English what is said."),
    )
    async def translate(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
    ) -> Response[Any] | EventStream:
        """Write down in English what is said."""
        return await _answer(request, models, "translate")


async def _answer(request: ApiRequest, models: Models, task: Task) -> Response[Any] | EventStream:
    route = _ROUTES[task]
    path = f"/audio/{route}"
    remote = passed_on_form(request, models, path, check=refuse_unknown, route=route)
    if (answer := await remote) is not None:
        return answer
    with ExitStack() as stack:
        recording = await read_request(request, models, task)
        stack.callback(recording.audio.close)
        form, served = recording.form, recording.served
        transcript = served.backend.transcribe(recording.audio, recording.prepared)
        items = served.run(transcript, route=route)
        manifest = served.manifests.keep(recording.prepared.manifest)
        headers = {"x-shim-manifest": manifest}
        if form.stream:
            stream = await primed(events(form, items))
            # The stream owns the recording from here on, and closes it at its end.
            return EventStream(stream, headers=headers, holding=stack.pop_all())
        collected_items = await collected(items)
        make = partial(
            encoded_answer,
            form,
            recording.prepared.job.task,
            collected_items,
            silence=recording.silence,
        )
        light = len(collected_items) <= _MANY
        body = make() if light else await asyncio.to_thread(make)
    media = MediaType.TEXT if form.response_format in _TEXTS else MediaType.JSON
    return Response(body, media_type=media, headers=headers)


_TEXTS = ("text", "srt", "vtt")

_ROUTES: dict[Task, Route] = {"transcribe": "transcriptions", "translate": "translations"}

_MANY = 100
"""Most items of an answer (minutes of speech) that is made on the event loop: it takes 5 ms."""
