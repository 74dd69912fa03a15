"""Text completions: look up, translate, admit, answer."""

from functools import partial
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.api.generation.heading import Heading
from shim.api.generation.parameter_names import renamed
from shim.http.json_answer import json_response
from shim.http.request import ApiRequest
from shim.http.sse import EventStream
from shim.serving.models import Models
from shim.serving.pipeline import collected, merged, primed

from .answer import completion
from .protocol import CompletionRequest
from .stream import events
from .translate import to_generations

_PLACES = {"messages": "prompt"}
"""What backends call that which is continued, and what this request does."""


class CompletionsController(Controller):
    """`POST /v1/completions`, whole and streamed."""

    path = "/v1/completions"

    @post(status_code=200)
    async def create(
        self,
        request: ApiRequest,
        models: NamedDependency[Models],
    ) -> Response[Any] | EventStream:
        """Continue texts."""
        data = await request.read(CompletionRequest)
        served = models.chat(data.model)
        generations = to_generations(data, adapter=served.adapter, choices=request.limits.choices)
        # A slot for each prompt: a batch of a thousand is a thousand requests to the engine.
        served.refuse_beyond_capacity(len(generations), "prompt")
        items = merged([served.admission.admit(served.backend.generate(g)) for g in generations])
        items = renamed(items, _PLACES)
        heading = Heading.new("cmpl", data.model or served.id, served.fingerprint)
        n = data.n or 1
        if not data.stream:
            done = await collected(items)
            return await json_response(
                partial(completion, heading, done, n=n), (item for _, item in done)
            )
        usage = data.stream_options is not None and bool(data.stream_options.include_usage)
        return EventStream(await primed(events(heading, items, n=n, include_usage=usage)))
