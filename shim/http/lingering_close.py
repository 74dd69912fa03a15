"""Handles a body that will not be read: drains part of it, then closes (nginx: lingering_close).

An answer may be complete before its request is: a wrong key, an unknown route, too large a body. If
the server read all the rest, the client would decide what that costs; if it closed at once, that
would reset the connection of a client that is still writing, and could destroy the answer. There
are three cases:

- the body has been read, or there is no body: nothing is done, and each event of a streamed answer
  costs one comparison;
- the rest is small: it is read before the answer, and the connection stays usable;
- otherwise the answer has `connection: close` and is sent, except its end. The rest of the body is
  read and discarded, up to a bound; then the end is sent and the server closes.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import cast

from litestar.types import (
    ASGIApp,
    HTTPResponseBodyEvent,
    Message,
    Receive,
    ReceiveMessage,
    Scope,
    Send,
)

from shim.errors import ApiError

from .refusal import CONNECTION_ERROR

_SMALL_BYTES = 1 << 16
"""Most bytes of a small body: cheaper to read than a new connection is to open. uvicorn buffers as
much of any body anyway."""

_DRAIN_BYTES = 64 << 20
"""Most bytes of a body that are discarded.

OpenAI's asynchronous client reads the answer only after it has sent the whole body, and a reset
destroys the answer, so the largest sensible body must fit. OpenAI accepts recordings of 25 MiB,
33 MiB as base64; discarding twice that costs 70 ms of CPU. Beyond the bound the connection is cut:
curl and the synchronous client still read the answer, the asynchronous one reports a connection
error.
"""

_PAUSE_SECONDS = 2.0
"""Most seconds between two pieces of a discarded body. A client that pauses for longer has read the
answer, or never will (Apache's SECONDS_TO_LINGER)."""

_DRAIN_SECONDS = 30.0
"""Most seconds of discarding, for clients that send slowly (nginx's `lingering_time`)."""

_CLOSE = (b"connection", b"close")
_END: HTTPResponseBodyEvent = {"type": "http.response.body", "body": b"", "more_body": False}


class LingeringClose:
    """An ASGI application around another that may answer before it has read its request.

    The server must close a connection after an answer with `connection: close`, as uvicorn does.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, and handle the rest of its body."""
        headers = dict(scope["headers"])
        if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, headers, receive, send)
        await self._app(scope, exchange.receive, exchange.send)
        await exchange.end()


class _Exchange:
    """One request with a body, and its answer."""

    def __init__(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        # With `expect`, uvicorn's first `receive` sends 100 Continue: wrong for a refused request.
        self._small = (
            b"expect" not in headers
            and int(headers.get(b"content-length", _SMALL_BYTES + 1)) <= _SMALL_BYTES
        )
        self._arrived = False
        """Whether the body has ended, or the client has disconnected."""
        self._end_withheld = False
        """Whether the answer has been sent, except its end."""

    async def receive(self) -> ReceiveMessage:
        """Return the next message.

        Raises the error with which the connection has ended the body (see `connection.py`).
        """
        message = await self._next()
        if error := self._scope.get(CONNECTION_ERROR):
            raise cast("ApiError", error)
        return message

    async def _next(self) -> ReceiveMessage:
        """Return the next message, and note whether it is the last one."""
        message: ReceiveMessage = await self._receive()
        # The other kind is `http.disconnect`.
        self._arrived = not (message["type"] == "http.request" and message.get("more_body"))
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Send *message*, unchanged if the whole body has arrived."""
        # Not a coroutine around the server's: every event of a streamed answer passes through here.
        return self._send(message) if self._arrived else self._send_early(message)

    async def _send_early(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._small:
                await self._drain(_SMALL_BYTES)
            if not self._arrived:
                message = {**message, "headers": [*message["headers"], _CLOSE]}
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._end_withheld = True
            message = {**message, "more_body": True}
        await self._send(message)

    async def end(self) -> None:
        """Drain the body and end the answer, if its end has been withheld."""
        if self._end_withheld:
            await self._drain(_DRAIN_BYTES)
            await self._send(_END)

    async def _drain(self, size: int) -> None:
        """Discard the body until it ends, *size* bytes have arrived or the time is up."""
        now = asyncio.get_running_loop().time
        last = now() + _DRAIN_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout_at(last) as bound:
                # After an error of the connection no more of the body arrives.
                while size > 0 and not self._arrived and CONNECTION_ERROR not in self._scope:
                    bound.reschedule(min(last, now() + _PAUSE_SECONDS))
                    message = await self._next()
                    if message["type"] == "http.request":
                        size -= len(message["body"])
