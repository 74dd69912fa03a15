"""Chat completions: look up, translate, admit, answer."""

from functools import partial
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.api.generation.heading import Heading
from shim.api.speech.answer import Answer, transcribed
from shim.api.speech.options import refuse_options
from shim.http.json_answer import json_response
from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.serving.metrics import Telemetry
from shim.serving.models import Models
from shim.serving.pipeline import collected, primed

from .answer import completion
from .protocol import ChatRequest
from .speech import to_speech_request
from .stream import chunks
from .translate import to_generation


class ChatController(Controller):
    """`POST /v1/chat/completions`, whole and streamed."""

    path = "/v1/chat/completions"

    @post(status_code=200)
    async def create(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
        telemetry: NamedDependency[Telemetry],
    ) -> Response[Any] | EventStream:
        """Continue a conversation, or transcribe the recording in it."""
        data = await request.read(ChatRequest)
        served, items, headers = await _asked(data, models, telemetry)
        heading = Heading.new("chatcmpl", data.model or served.id, served.fingerprint)
        stream, options = data.stream, data.stream_options
        del data  # its media, of up to 64 MB, are with the engine
        if not stream:
            done = await collected(items)
            return await json_response(partial(completion, heading, done), done, headers)
        usage = options is not None and bool(options.include_usage)
        # Primed, so that a full queue is still a 429: the first byte spends the status.
        begun = await primed(chunks(heading, items, include_usage=usage))
        return EventStream(begun, headers=headers)


async def _asked(data: ChatRequest, models: Models, telemetry: Telemetry) -> Answer:
    if (speech := models.speech_only(data.model)) is not None:
        return await transcribed(to_speech_request(data), speech, telemetry)
    served = models.chat(data.model)
    refuse_options(data.transcription)
    generation = to_generation(data, adapter=served.adapter)
    return Answer(served, served.admission.admit(served.backend.generate(generation)))
