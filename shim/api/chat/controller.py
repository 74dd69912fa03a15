"""Chat completions: find the model, translate, run, answer."""

from functools import partial
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.api.generation.heading import Heading
from shim.api.generation.stream_options import includes_usage
from shim.api.openapi.operation import Operation
from shim.api.remote.passing import passed_on
from shim.api.speech.answer import Answer, transcribed
from shim.api.speech.options import refuse_options
from shim.api.speech.schemas import describe_options
from shim.errors import ErrorAnswer
from shim.http.json_answer import json_response
from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.serving.models import Models
from shim.serving.pipeline import collected, primed

from .answer import completion
from .protocol import ChatChunk, ChatCompletion, ChatRequest
from .speech import to_speech_request
from .stream import chunks
from .translate import to_generation


class ChatController(Controller):
    """`POST /v1/chat/completions`, whole and streamed."""

    path = "/v1/chat/completions"

    @post(
        status_code=200,
        operation=Operation(
            summary="Continue a conversation.",
            request=ChatRequest,
            answers=(ChatCompletion,),
            events=(ChatChunk, ErrorAnswer),
            describe=partial(describe_options, ChatRequest),
        ),
    )
    async def create(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
    ) -> Response[Any] | EventStream:
        """Continue a conversation, or transcribe the recording in it."""
        remote = passed_on(request, models, "/chat/completions", check=_read, route="chat")
        if (answer := await remote) is not None:
            return answer
        data = await _read(request)
        served, items, headers = await _run(data, models)
        heading = Heading.new("chatcmpl", data.model or served.id, served.fingerprint)
        stream, options = data.stream, data.stream_options
        del data  # from here on only the engine holds its media, up to 64 MB
        if not stream:
            collected_items = await collected(items)
            make = partial(completion, heading, collected_items)
            return await json_response(make, collected_items, headers)
        # `primed` makes a full queue a 429: once the first byte is sent, the status is fixed.
        events = await primed(chunks(heading, items, include_usage=includes_usage(options)))
        return EventStream(events, headers=headers)


async def _read(request: ApiRequest) -> ChatRequest:
    return await request.read(ChatRequest)


async def _run(data: ChatRequest, models: Models) -> Answer:
    if (speech := models.speech_only(data.model)) is not None:
        return await transcribed(to_speech_request(data), speech, route="chat")
    served = models.chat(data.model)
    refuse_options(data.transcription)
    generation = to_generation(data, lora=served.lora)
    items = served.backend.generate(generation)
    return Answer(served, served.run(items, route="chat", streamed=generation.stream))
