"""Responses: look up, translate, admit, answer."""

from functools import partial
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.api.generation.parameter_names import renamed
from shim.api.speech.answer import Answer, transcribed
from shim.api.speech.options import refuse_options
from shim.http.json_answer import json_response
from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.http.strict import is_strict
from shim.serving.metrics import Telemetry
from shim.serving.models import Models
from shim.serving.pipeline import collected, primed

from .answer import begun, response
from .protocol import ResponsesRequest
from .speech import to_speech_request
from .stream import events, framed
from .translate import to_generation


class ResponsesController(Controller):
    """`POST /v1/responses`, whole and streamed; nothing is kept."""

    path = "/v1/responses"

    @post(status_code=200)
    async def create(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
        telemetry: NamedDependency[Telemetry],
    ) -> Response[Any] | EventStream:
        """Answer a conversation, or transcribe the recording in it."""
        data = await request.read(ResponsesRequest)
        strict = is_strict(request)
        served, items, headers = await _asked(data, models, telemetry, strict=strict)
        opened = begun(data, model=data.model or served.id)
        stream = data.stream
        del data  # its media, of up to 64 MB, are with the engine
        if not stream:
            done = await collected(items)
            return await json_response(partial(response, opened, done), done, headers)
        # Primed, so that a full queue is still a 429: the first byte spends the status.
        return EventStream(await primed(events(opened, items)), framed=framed, headers=headers)


async def _asked(
    data: ResponsesRequest, models: Models, telemetry: Telemetry, *, strict: bool
) -> Answer:
    if (speech := models.speech_only(data.model)) is not None:
        return await transcribed(to_speech_request(data, strict=strict), speech, telemetry)
    served = models.chat(data.model)
    refuse_options(data.transcription)
    asked = to_generation(data, adapter=served.adapter, strict=strict)
    items = served.admission.admit(served.backend.generate(asked.generation))
    return Answer(served, renamed(items, asked.places))
