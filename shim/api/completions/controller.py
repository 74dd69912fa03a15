"""Text completions: find the model, translate, run, answer."""

from functools import partial
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.api.generation.heading import Heading
from shim.api.generation.parameter_names import renamed
from shim.api.generation.stream_options import includes_usage
from shim.api.openapi.operation import Operation
from shim.api.remote.passing import passed_on
from shim.errors import ErrorAnswer
from shim.http.json_answer import json_response
from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.serving.models import Models
from shim.serving.pipeline import collected, merged, primed

from .answer import completion
from .protocol import CompletionRequest, TextCompletion
from .stream import events
from .translate import to_generations

_PLACES = {"messages": "prompt"}
"""The engine's name of a field → its name in this request, for `renamed`."""


class CompletionsController(Controller):
    """`POST /v1/completions`, whole and streamed."""

    path = "/v1/completions"

    @post(
        status_code=200,
        operation=Operation(
            summary="Continue texts.",
            request=CompletionRequest,
            answers=(TextCompletion,),
            events=(TextCompletion, ErrorAnswer),
        ),
    )
    async def create(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
    ) -> Response[Any] | EventStream:
        """Continue texts."""
        remote = passed_on(request, models, "/completions", check=_read, route="completions")
        if (answer := await remote) is not None:
            return answer
        data = await _read(request)
        served = models.chat(data.model)
        generations = to_generations(data, lora=served.lora, choices=request.limits.choices)
        # Each prompt takes a slot: for the engine, a batch of a thousand is a thousand requests.
        served.refuse_beyond_capacity(len(generations), "prompt")
        streams = [
            served.run(served.backend.generate(g), route="completions", streamed=g.stream)
            for g in generations
        ]
        items = renamed(merged(streams), _PLACES)
        heading = Heading.new("cmpl", data.model or served.id, served.fingerprint)
        n = data.n or 1
        if not data.stream:
            collected_items = await collected(items)
            make = partial(completion, heading, collected_items, n=n)
            return await json_response(make, (item for _, item in collected_items))
        usage = includes_usage(data.stream_options)
        # `primed` makes a full queue a 429: once the first byte is sent, the status is fixed.
        return EventStream(await primed(events(heading, items, n=n, include_usage=usage)))


async def _read(request: ApiRequest) -> CompletionRequest:
    return await request.read(CompletionRequest)
