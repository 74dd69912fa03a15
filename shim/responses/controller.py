"""Responses: look up, translate, admit, answer."""

from functools import partial
from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency

from shim.answers import whole
from shim.body import BodyRequest
from shim.generators import collected, primed
from shim.models import Models
from shim.naming import renamed
from shim.sse import EventStream
from shim.strict import is_strict

from .answer import begun, response
from .events import events, framed
from .protocol import ResponsesRequest
from .translate import to_generation


class ResponsesController(Controller):
    """`POST /v1/responses`, whole and streamed; nothing is kept."""

    path = "/v1/responses"

    @post(status_code=200)
    async def create(
        self,
        request: BodyRequest,
        models: NamedDependency[Models],
    ) -> Response[Any] | EventStream:
        """Answer a conversation."""
        data = await request.read(ResponsesRequest)
        served = models.chat(data.model)
        asked = to_generation(data, adapter=served.adapter, strict=is_strict(request))
        items = served.admission.admit(served.backend.generate(asked.generation))
        items = renamed(items, asked.places)
        opened = begun(data, model=data.model or served.id)
        if not data.stream:
            done = await collected(items)
            return await whole(partial(response, opened, done), done)
        # Primed, so that a full queue is still a 429: the first byte spends the status.
        return EventStream(await primed(events(opened, items)), framed=framed)
