"""Whether the client is still there: the work for one that has left is cancelled."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import cast

from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

log = logging.getLogger(__name__)


class Presence:
    """An ASGI application, which is cancelled when its client leaves.

    From the end of the request on (before it, reading fails) to the last of the answer, whole or
    streamed: one task watches over all of it. To cancel an answer closes the generators that it is
    made of, and that aborts the engine.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, unless nobody waits for the answer any more."""
        answering = cast("asyncio.Task[None]", asyncio.current_task())
        watch = _Watch(answering, receive, send)
        try:
            await self._app(scope, watch.receive, watch.send)
        except asyncio.CancelledError:
            # A server that stops cancels, too, and has to be told that it was heard.
            if not watch.found_gone or answering.uncancel():
                raise
            log.info("%s %s: the client left", scope.get("method"), scope["path"])
        finally:
            watch.end()


class _Watch:
    """What passes between the server and the application for one request."""

    def __init__(self, answering: asyncio.Task[None], receive: Receive, send: Send) -> None:
        self._answering = answering
        self._receive = receive
        self._send = send
        self._waiting: asyncio.Task[None] | None = None
        self.found_gone = False
        """Whether the client was seen to leave, and the answer cancelled."""

    async def receive(self) -> ReceiveMessage:
        """Return what comes next; behind the end of the request, that is the client's leaving."""
        message: ReceiveMessage = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self._waiting = asyncio.create_task(self._wait())
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass *message* on."""
        # Not a coroutine around the server's: every event of a streamed answer comes by here.
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.end()  # that an answer is complete looks to an application like a client that left
        return self._send(message)

    def end(self) -> None:
        """Watch no longer."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.found_gone = True
        self._answering.cancel()
