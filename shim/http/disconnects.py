"""Cancels the work for a request when its client disconnects."""

import asyncio
from collections.abc import Awaitable
from typing import cast

from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from shim.errors import ClientGone
from shim.serving.request_record import failed


class CancelOnDisconnect:
    """An ASGI application whose task is cancelled when the client disconnects.

    The watch begins when the whole request has been read (before that, reading fails) and ends with
    the answer, whole or streamed. Cancelling an answer closes its generators, which aborts the work
    in the engine.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; stop if the client disconnects."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        watch = _Watch(task, receive, send)
        try:
            await self._app(scope, watch.receive, watch.send)
        except asyncio.CancelledError:
            # A server shutdown also cancels this task; that cancellation must propagate.
            if not watch.disconnected or task.uncancel():
                raise
            failed(ClientGone("The client disconnected before its answer was complete."))
        finally:
            watch.end()


class _Watch:
    """Passes messages between the server and the application for one request, and watches them."""

    def __init__(self, task: asyncio.Task[None], receive: Receive, send: Send) -> None:
        self._task = task
        self._receive = receive
        self._send = send
        self._waiting: asyncio.Task[None] | None = None
        self.disconnected = False
        """Whether the client disconnected and the task was cancelled for it."""

    async def receive(self) -> ReceiveMessage:
        """Return the next message. After the body has ended, only `http.disconnect` can follow."""
        message: ReceiveMessage = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self._waiting = asyncio.create_task(self._wait())
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Send *message*; end the watch with the last one."""
        # Not a coroutine around the server's: every event of a streamed answer passes through here.
        if message["type"] == "http.response.body" and not message.get("more_body"):
            # Servers report `http.disconnect` after a complete answer too.
            self.end()
        return self._send(message)

    def end(self) -> None:
        """End the watch."""
        # The cancelled task keeps a traceback, whose frames refer to this object. If this referred
        # to the task, all that belongs to a request would wait for a garbage collection.
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.disconnected = True
        self._task.cancel()
