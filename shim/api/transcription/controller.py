"""Serves transcriptions and translations: reads and checks the request, runs it, answers."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, BinaryIO

from litestar import Controller, MediaType, Response, post
from litestar.di import NamedDependency

from backends.base import Segment, TranscriptInfo
from backends.whisper_options import Decoding
from shim.api.generation.parameter_names import renamed
from shim.api.openapi.operation import Operation
from shim.api.remote.passing import passed_on_form
from shim.errors import ErrorAnswer
from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.serving.models import Models
from shim.serving.pipeline import collected, primed
from shim.serving.request_metrics import Route

from .answer import answer, encoded_answer
from .intake import SpeechRequest, read_request, refuse_unknown
from .json_body import ONE
from .many import encoded_list, results, size
from .other_names import Task
from .protocol import (
    TextDelta,
    TextDone,
    Transcription,
    TranscriptionForm,
    TranscriptionList,
    VerboseTranscription,
)
from .schemas import bodies
from .stream import events


def _operation(summary: str) -> Operation:
    return Operation(
        summary=summary,
        request=TranscriptionForm,
        answers=(Transcription, VerboseTranscription, TranscriptionList),
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
    if (passed := await remote) is not None:
        return passed
    with ExitStack() as stack:
        asked = await read_request(request, models, task, stack)
        form = asked.form
        headers = {"x-shim-manifest": asked.served.manifests.keep(asked.prepared.manifest)}
        transcribe = partial(_items, asked, route)
        job_task = asked.prepared.job.task
        if asked.listed:
            found = await results(asked.recordings, transcribe)
            make = partial(answer, form, job_task, silence=asked.silence)
            return await _made(partial(encoded_list, found, make), size(found), headers=headers)
        if form.stream:
            stream = await primed(events(form, transcribe(*asked.only)))
            # The stream owns the recording from here on, and closes it at its end.
            return EventStream(stream, headers=headers, holding=stack.pop_all())
        items = await collected(transcribe(*asked.only))
        media = MediaType.TEXT if form.response_format in _TEXTS else MediaType.JSON
        whole = partial(encoded_answer, form, job_task, items, silence=asked.silence)
        return await _made(whole, len(items), media=media, headers=headers)


def _items(
    asked: SpeechRequest, route: Route, audio: BinaryIO, place: str
) -> AsyncGenerator[TranscriptInfo | Segment, None]:
    """Return the transcription of one recording of *asked*, in the field *place* of its body."""
    transcript = asked.served.backend.transcribe(audio, asked.prepared)
    items = asked.served.run(transcript, route=route)
    return items if place == ONE else renamed(items, {"audio": place})


async def _made(
    make: Callable[[], bytes],
    size: int,
    *,
    media: MediaType = MediaType.JSON,
    headers: dict[str, str],
) -> Response[bytes]:
    """Return the response whose body is what *make* makes of *size* items."""
    body = make() if size <= _MANY else await asyncio.to_thread(make)
    return Response(body, media_type=media, headers=headers)


_TEXTS = ("text", "srt", "vtt")

_ROUTES: dict[Task, Route] = {"transcribe": "transcriptions", "translate": "translations"}

_MANY = 100
"""Most items of an answer (minutes of speech) that is made on the event loop: it takes 5 ms."""
