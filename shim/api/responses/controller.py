"""Responses: find the model, translate, run, answer."""

from functools import partial
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.api.generation.parameter_names import renamed
from shim.api.openapi.operation import Operation
from shim.api.remote.passing import passed_on
from shim.api.speech.answer import Answer, transcribed
from shim.api.speech.options import refuse_options
from shim.api.speech.schemas import describe_options
from shim.http.json_answer import json_response
from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.http.strict import is_strict
from shim.serving.models import Models
from shim.serving.pipeline import collected, primed

from .answer import initial_response, response
from .protocol import Response as WholeResponse
from .protocol import ResponsesRequest
from .protocol_events import ErrorEvent, Event
from .speech import to_speech_request
from .stream import events, framed, last_event
from .translate import to_generation


class ResponsesController(Controller):
    """`POST /v1/responses`, whole and streamed; nothing is kept."""

    path = "/v1/responses"

    @post(
        status_code=200,
        operation=Operation(
            summary="Answer a conversation; nothing is kept.",
            request=ResponsesRequest,
            answers=(WholeResponse,),
            events=(Event, ErrorEvent),
            describe=partial(describe_options, ResponsesRequest),
        ),
    )
    async def create(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
    ) -> Response[Any] | EventStream:
        """Answer a conversation, or transcribe the recording in it."""
        remote = passed_on(
            request, models, "/responses", check=_read, route="responses", ending=last_event
        )
        if (answer := await remote) is not None:
            return answer
        data = await _read(request)
        strict = is_strict(request)
        served, items, headers = await _run(data, models, strict=strict)
        initial = initial_response(data, model=data.model or served.id)
        stream = data.stream
        del data  # from here on only the engine holds its media, up to 64 MB
        if not stream:
            collected_items = await collected(items)
            make = partial(response, initial, collected_items)
            return await json_response(make, collected_items, headers)
        # `primed` makes a full queue a 429: once the first byte is sent, the status is fixed.
        return EventStream(await primed(events(initial, items)), framed=framed, headers=headers)


async def _read(request: ApiRequest) -> ResponsesRequest:
    return await request.read(ResponsesRequest)


async def _run(data: ResponsesRequest, models: Models, *, strict: bool) -> Answer:
    if (speech := models.speech_only(data.model)) is not None:
        request = to_speech_request(data, strict=strict)
        return await transcribed(request, speech, route="responses")
    served = models.chat(data.model)
    refuse_options(data.transcription)
    translated = to_generation(data, lora=served.lora, strict=strict)
    generation = translated.generation
    items = served.backend.generate(generation)
    items = served.run(items, route="responses", streamed=generation.stream)
    return Answer(served, renamed(items, translated.places))
