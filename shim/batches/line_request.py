"""Sends the requests of batches to the application of the HTTP routes, without a connection."""

import asyncio
from contextvars import Context
from typing import Any, TypeAlias, cast

from litestar.types import ASGIApp, Message, ReceiveMessage, Scope
from msgspec import Struct

from shim.http.batch_line import BatchLine, mark
from shim.http.request_id import HEADER

Headers: TypeAlias = list[tuple[bytes, bytes]]


class LineRequest(Struct, frozen=True, kw_only=True):
    """A request of a batch: a POST with a body in JSON."""

    batch: str
    """The id of the batch, for the log."""
    owner: str
    """The digest of the key that made the batch, 64 hex digits; empty on a server without keys."""
    path: str
    """As in `/v1/chat/completions`."""
    body: bytes


class LineAnswer(Struct, frozen=True, kw_only=True):
    """The answer to a request of a batch, as a client would get it."""

    status: int
    headers: Headers
    body: bytes

    @property
    def request_id(self) -> str:
        """The id of the request, for the log."""
        return dict(self.headers)[HEADER].decode()


class AnswerCut(Exception):
    """The application ended before its answer did: over HTTP the connection would be closed."""


class LineApp:
    """The application that new requests of batches get, which a reload replaces.

    It is that of the HTTP routes, from its guards inwards (`create_app`), so that every check and
    every error is the same. What concerns only connections and clients is not around it:
    deadlines, single flight, rate limits, and the recording of exchanges.
    """

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._is_there = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        """The requests in progress: what serves them must not be closed."""

    def use(self, app: ASGIApp) -> None:
        """Let new requests get *app*."""
        self._app = app
        self._is_there.set()

    async def answer(self, request: LineRequest) -> LineAnswer:
        """Return the answer to *request*, of whatever status; wait until there is an application.

        Cancelling this ends the work in the engine. Raises AnswerCut.
        """
        await self._is_there.wait()
        assert self._app is not None  # noqa: S101  set before the event
        exchange = _Exchange(request)
        call = self._app(exchange.scope, exchange.receive, exchange.send)
        # A context of its own: not the deadline or the record of the request that began the batch.
        task = asyncio.create_task(_awaited(call), context=Context())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        await task
        return exchange.answer()


async def _awaited(call: Any) -> None:
    await call


class _Exchange:
    """One request and its answer, as messages of ASGI."""

    def __init__(self, request: LineRequest) -> None:
        self.scope = _scope(request)
        self._body: bytes | None = request.body
        self._status = 0
        self._headers: Headers = []
        self._pieces: list[bytes] = []
        self._is_whole = False

    async def receive(self) -> ReceiveMessage:
        """Return the body; called again, wait for ever: nobody disconnects."""
        body, self._body = self._body, None
        if body is None:
            await asyncio.Event().wait()
        return cast("ReceiveMessage", {"type": "http.request", "body": body, "more_body": False})

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self._pieces.append(message["body"])
            self._is_whole = not message.get("more_body")

    def answer(self) -> LineAnswer:
        """Return the answer; raise AnswerCut if it is not whole."""
        if not self._is_whole:
            raise AnswerCut("The answer ended too early.")
        return LineAnswer(status=self._status, headers=self._headers, body=b"".join(self._pieces))


def _scope(request: LineRequest) -> Scope:
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(request.body)),
        ],
        "client": None,
        "server": None,
        "extensions": {},
        "state": {},
    }
    mark(scope, BatchLine(batch=request.batch, owner=bytes.fromhex(request.owner)))
    return cast("Scope", scope)
