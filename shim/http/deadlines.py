"""Gives each request its deadline: from its client's time-out, and from the server's settings."""

import time

from litestar.types import ASGIApp, Receive, Scope, Send

from shim.serving.deadline import DEADLINE, Deadline
from shim.settings import ServerSettings

from .client_timeout import client_timeout


class Deadlines:
    """An ASGI application around another, whose queues know the deadline of each request."""

    def __init__(self, app: ASGIApp, server: ServerSettings) -> None:
        self._app = app
        self._default = server.deadline_seconds
        self._limit = server.request_seconds
        self._single_flight = server.single_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope.get("method") == "POST":
            self._set(client_timeout(scope))
        await self._app(scope, receive, send)

    def _set(self, timeout: float | None) -> None:
        # A client that times out while it waits can come back to its place: see `single_flight.py`.
        # Its disconnect, and not the clock, then ends the wait.
        keeps_place = timeout is not None and self._single_flight
        seconds = self._default if timeout is None else timeout
        if seconds is None and self._limit is None:
            return
        now = time.monotonic()
        answer_by = None if seconds is None else now + seconds
        deadline = Deadline(
            answer_by=answer_by,
            start_by=None if keeps_place else answer_by,
            end_by=None if self._limit is None else now + self._limit,
        )
        DEADLINE.set(deadline)
