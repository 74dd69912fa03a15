"""Injects the fault that the header `x-shim-fault` orders: before the answer, or in its bytes.

A guard reads the header after the key was checked. It refuses it where the configuration does not
allow faults: a client must not believe that a fault has happened. An error and a disconnect before
the answer need no work of the engine, so the guard ends the request. The rest is done to the
messages of the answer, by an ASGI application.
"""

import asyncio
import logging
from contextlib import suppress
from math import ceil
from typing import Any, NoReturn, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from shim.errors import InjectedError, InvalidParameter

from .corking import TRANSPORT
from .fault_header import HEADER, LONGEST_SECONDS, RETRY_COUNT, Fault, parse

log = logging.getLogger(__name__)

_RAW_HEADER = HEADER.encode()

_FAULT = "shim.fault"
"""The key in a request's scope of its Fault."""

_CLOSED = 499
"""The status, in the log only, of a request whose connection is closed before the answer."""

_PIECES_PER_SECOND = 10
"""Most pieces in which a trickle sends the bytes of a second."""


class FaultGuard:
    """A Litestar guard that reads the header of a request whose key has been checked."""

    def __init__(self, *, allowed: bool, free: frozenset[str]) -> None:
        """Honour the header if *allowed*, except on routes with one of the `opt`s *free*."""
        self._allowed = allowed
        self._free = free

    # Asynchronous although it awaits nothing: Litestar would run it in a thread.
    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Raise InjectedError if the request's fault is an error or a disconnect before the answer.

        Raises InvalidParameter if the header is not allowed or not valid.
        """
        header = connection.headers.get(HEADER)
        if header is None or connection.scope.get("method") == "OPTIONS":
            return
        if not self._allowed:
            raise InvalidParameter(
                f"`{HEADER}` is not honoured here: set `allow_faults` of `[server]`.", param=HEADER
            )
        if any(handler.opt.get(name) for name in self._free):
            raise InvalidParameter(
                f"`{HEADER}` is not honoured on routes that need no key.", param=HEADER
            )
        fault = parse(header)
        if fault.happens(connection.headers.get(RETRY_COUNT, "")):
            log.info("%s: %s", HEADER, header)
            _begin(fault, connection.scope)


def _begin(fault: Fault, scope: Scope) -> None:
    """Do what *fault* does before the answer, or put it into *scope* for `Faults`."""
    if fault.status is not None:
        raise InjectedError(fault.status, retry_after=fault.retry_after)
    scope[_FAULT] = fault  # type: ignore[literal-required]
    if fault.disconnect and fault.after is None:
        raise InjectedError(_CLOSED)


class Faults:
    """An ASGI application around another whose answers get the faults that `FaultGuard` found."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not any(name == _RAW_HEADER for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        request = _Request(receive)
        with suppress(_Ended):
            await self._app(scope, request.receive, _Answer(scope, request, send).send)


class _Ended(BaseException):
    """Raised where an application sends a message that the fault does not let through.

    Not an Exception: no handler may take it for a failure and answer it. It closes the generators
    of the answer, which aborts the work in the engine.
    """


def _before_last(count: int, size: int) -> int:
    """Return *count*, but less than *size*: a client has its answer with the last byte."""
    return min(count, max(size - 1, 0))


class _Request:
    """Passes on the messages of one request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.unread = True
        """Whether some of the body has not been received."""

    async def receive(self) -> ReceiveMessage:
        """Return the next message."""
        message: ReceiveMessage = await self._receive()
        self.unread = message["type"] == "http.request" and message.get("more_body", False)
        return message


class _Answer:
    """Passes on the messages of one answer, and its fault."""

    def __init__(self, scope: Scope, request: _Request, send: Send) -> None:
        self._scope = scope
        self._request = request
        self._send = send
        self._fault: Fault | None = None
        """What is still to be done; None: nothing."""
        self._left = 0
        """Events, or bytes, to send before the fault."""
        self._events = False
        """Whether the body is a stream of events."""
        self._until = 0.0
        """When a trickle ends, in the loop's seconds; 0: it has not begun."""

    async def send(self, message: Message) -> None:
        """Send *message*, with the fault if its place has come; raise _Ended if that is the end."""
        if message["type"] == "http.response.start":
            self._fault = cast("Fault | None", self._scope.get(_FAULT))
        if self._fault is None:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._begin(self._fault, message)
        elif message["type"] == "http.response.body":
            more = bool(message.get("more_body"))
            await self._go_on(self._fault, message.get("body", b""), more=more)

    async def _begin(self, fault: Fault, message: Any) -> None:
        if fault.disconnect and fault.after is None:
            await self._disconnect()
        kind = next((value for name, value in message["headers"] if name == b"content-type"), b"")
        self._events = kind.startswith(b"text/event-stream")
        self._left = fault.after or 0
        if fault.cut or fault.cut_event:
            headers = [self._shortened(*header) for header in message["headers"]]
            message = {**message, "headers": headers}
        if fault.stall is not None and fault.after is None:
            self._fault = None
            await self._pause(fault.stall)
        await self._send(message)

    def _shortened(self, name: bytes, value: bytes) -> tuple[bytes, bytes]:
        """Return a header of an answer that is cut."""
        if name == b"content-length":
            value = b"%d" % _before_last(self._left, int(value))
        return name, value

    async def _go_on(self, fault: Fault, body: bytes, *, more: bool) -> None:
        """Send *body*, and do what *fault* does if its place is in it, or if it is the last one."""
        size = self._sent_before_fault(body, more=more)
        before, rest = body[:size], body[size:]
        if more and not rest:
            await self._send_body(body, more=True)
            return
        if before:
            await self._send_body(before, more=True)
        if fault.trickle is not None:
            await self._trickle(rest, fault.trickle)
            await self._send_body(b"", more=more)
            return
        self._fault = None
        await self._send_body(await self._faulty(fault, rest), more=more)

    def _sent_before_fault(self, body: bytes, *, more: bool) -> int:
        """Return how many bytes of *body* come before the fault, and count them."""
        if not self._events:
            size = min(self._left, len(body)) if more else _before_last(self._left, len(body))
            self._left -= size
            return size
        size = 0
        while self._left and (end := body.find(b"\n\n", size)) >= 0:
            size = end + 2
            self._left -= 1
        return len(body) if self._left else size

    async def _faulty(self, fault: Fault, rest: bytes) -> bytes:
        """Return what is sent instead of *rest*, the bytes after the fault's place."""
        if fault.stall is not None:
            await self._pause(fault.stall)
            return rest
        if fault.malformed:
            brace = max(rest.find(b"{"), 0)
            return rest[:brace] + b" " + rest[brace + 1 :]
        if fault.disconnect:
            await self._disconnect()
        half = (rest.find(b"\n\n") + 2) // 2 if fault.cut_event and self._events else 0
        await self._send_body(rest[:half], more=False)
        raise _Ended

    async def _disconnect(self) -> NoReturn:
        # Closing a connection with unread bytes would reset it, and lose what was sent before.
        while self._request.unread:
            await self._request.receive()
        cast("asyncio.Transport", self._scope[TRANSPORT]).close()  # type: ignore[literal-required]
        await self._disconnected()
        raise _Ended

    async def _trickle(self, body: bytes, rate: int) -> None:
        """Send *body* at *rate* bytes per second; what is left after ten minutes at once."""
        now = asyncio.get_running_loop().time
        self._until = self._until or now() + LONGEST_SECONDS
        size = ceil(rate / _PIECES_PER_SECOND)
        while body and now() < self._until:
            await self._pause(min(size, len(body)) / rate)
            await self._send_body(body[:size], more=True)
            body = body[size:]
        if body:
            await self._send_body(body, more=True)

    async def _pause(self, seconds: float) -> None:
        """Wait; raise _Ended if the client disconnects meanwhile.

        Not left to `CancelOnDisconnect`: it watches neither before the body of the request has been
        read, nor after the last message of the answer.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._disconnected()
                raise _Ended

    async def _disconnected(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
