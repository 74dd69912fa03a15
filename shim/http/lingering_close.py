"""What happens to a body that nobody will read: a bounded part is let by, then the connection ends.

An answer may be complete before its request is: a wrong key, an unknown route, too large a body.
To read all the rest would cost the server whatever the client likes to send; to close at once
would reset the connection under a client that is still writing, and the answer could be lost with
it. Three cases:

- the body has been read, or there is none: nothing is done, and a streamed answer pays one
  comparison for each event;
- what is left is small: it is read before the answer, which leaves the connection usable;
- all else: the answer says `connection: close` and is sent whole, but its end is held back while
  what still arrives is thrown away, within bounds; then the server closes.
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

from .refusal import FAILURE

# Cheaper to read than a new connection is to open; uvicorn buffers as much of any body anyway.
_SMALL_BYTES = 1 << 16

# The asynchronous stock client looks for an answer only when all is written, and a reset takes the
# answer from it: what it may reasonably send has to fit. OpenAI takes recordings of 25 MiB, 33 as
# base64; twice that costs 70 ms of CPU. Above, a body is cut off: curl and the synchronous client
# read the answer even so, the asynchronous one reports a connection error.
_LINGER_BYTES = 64 << 20

# Who pauses for so long has seen the answer, or never will: Apache's SECONDS_TO_LINGER.
_PAUSE_SECONDS = 2.0

# For those that go on, but slowly: nginx's `lingering_time`.
_LINGER_SECONDS = 30.0

_CLOSE = (b"connection", b"close")
_END: HTTPResponseBodyEvent = {"type": "http.response.body", "body": b"", "more_body": False}


class Lingering:
    """An ASGI application, which may answer before it has read its request.

    For a server that closes after an answer with `connection: close`, as uvicorn does.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, and see to what is left of its body."""
        headers = dict(scope["headers"])
        if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, headers, receive, send)
        await self._app(scope, exchange.receive, exchange.send)
        await exchange.end()


class _Exchange:
    """A request with a body, and its answer."""

    def __init__(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        # uvicorn's first `receive` tells a client that expects it to go on: not if it is refused.
        self._small = (
            b"expect" not in headers
            and int(headers.get(b"content-length", _SMALL_BYTES + 1)) <= _SMALL_BYTES
        )
        self._arrived = False
        """Nothing more of the body will come."""
        self._held = False
        """The answer is sent, but for its end."""

    async def receive(self) -> ReceiveMessage:
        """Return what comes next.

        Raises the error for which the connection has ended the body, see `http/connection.py`.
        """
        message = await self._next()
        if failure := self._scope.get(FAILURE):
            raise cast("ApiError", failure)
        return message

    async def _next(self) -> ReceiveMessage:
        """Return what comes next, and take note of the end."""
        message: ReceiveMessage = await self._receive()
        # The other kind is `http.disconnect`.
        self._arrived = not (message["type"] == "http.request" and message.get("more_body"))
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass *message* on: as it is, if the body has arrived."""
        # Not a coroutine around the server's: every event of a streamed answer comes by here.
        return self._send(message) if self._arrived else self._send_early(message)

    async def _send_early(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._small:
                await self._let_by(_SMALL_BYTES)
            if not self._arrived:
                message = {**message, "headers": [*message["headers"], _CLOSE]}
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._held = True
            message = {**message, "more_body": True}
        await self._send(message)

    async def end(self) -> None:
        """Linger if the answer came early, then end it."""
        if self._held:
            await self._let_by(_LINGER_BYTES)
            await self._send(_END)

    async def _let_by(self, size: int) -> None:
        """Throw away what arrives, until the body ends, *size* bytes have come or time is up."""
        now = asyncio.get_running_loop().time
        last = now() + _LINGER_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout_at(last) as bound:
                # A body that the connection has ended brings nothing more.
                while size > 0 and not self._arrived and FAILURE not in self._scope:
                    bound.reschedule(min(last, now() + _PAUSE_SECONDS))
                    message = await self._next()
                    if message["type"] == "http.request":
                        size -= len(message["body"])
