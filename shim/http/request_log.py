"""Keeps a record of each HTTP request, stamps its answer with its id, and logs it at its end."""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from shim.errors import UNFORESEEN, shortened
from shim.serving.request_record import CURRENT, RequestRecord, failed

from .batch_line import batch_line
from .request_id import HEADER, id_of

log = logging.getLogger("shim.requests")  # a name that does not move with this file

OnEnd: TypeAlias = Callable[[RequestRecord], None]
"""What is called with the record of each request when that has ended."""

_PATH_BYTES = 300
"""Most bytes of a path in the log; a client may send 32 KiB."""

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
"""The header `traceparent` (W3C Trace Context, level 1) with its trace id."""

_LOGGED = (
    "error",
    "model",
    "route",
    "key",
    "batch",
    "seconds",
    "queue_seconds",
    "first_output_seconds",
    "prompt_tokens",
    "completion_tokens",
    "audio_seconds",
    "upstream",
    "attempts",
    "joined",
    "cache",
    "trace_id",
)
"""Fields of `RequestRecord` that are logged if they have a value, in their order."""


class RequestLog:
    """An ASGI application around all others that keeps the record of each request."""

    def __init__(self, app: ASGIApp, on_end: OnEnd) -> None:
        """*on_end* is called with each record when its request has ended, however it ended."""
        self._app = app
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, under an id, and record it."""
        record = _begun(scope)
        CURRENT.set(record)  # each request has a task of its own
        header = (HEADER, record.id.encode())

        def stamped(message: Message) -> Awaitable[None]:
            # Not a coroutine around the server's: each event of a streamed answer passes here.
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message = {**message, "headers": [*message["headers"], header]}
            return send(message)

        try:
            await self._app(scope, receive, stamped)
        except Exception:
            record.status = UNFORESEEN  # the server closes the connection, or answers with a 500
            raise
        finally:
            record.seconds = time.perf_counter() - record.began
            self._on_end(record)


def _begun(scope: Scope) -> RequestRecord:
    headers = dict(scope["headers"])
    record = RequestRecord(
        method=cast("str", scope.get("method")),  # the type includes WebSockets, without methods
        path=scope["raw_path"].decode("latin-1"),
        id=id_of(headers).decode(),
    )
    if (line := batch_line(scope)) is not None:
        record.batch = line.batch
    if match := _TRACEPARENT.fullmatch(headers.get(b"traceparent", b"")):
        record.trace_id = match[1].decode()
    return record


async def note_route(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Note in the record which route was found: a Litestar guard, so that it runs first.

    It awaits nothing: Litestar would run a synchronous guard in a thread.
    """
    if (record := CURRENT.get()) is not None:
        record.template = connection.scope["path_template"]


async def note_error(error: Exception, _: Scope) -> None:
    """Note *error* in the record: a Litestar hook for exceptions that become answers."""
    failed(error)


def log_request(record: RequestRecord) -> None:
    """Log *record* as one line: as an error for status 500, so that it appears at any level."""
    level = logging.ERROR if record.status == UNFORESEEN else logging.INFO
    if log.isEnabledFor(level):
        log.log(level, "%(method)s %(path)s %(status)s", _fields(record))


def _fields(record: RequestRecord) -> dict[str, Any]:
    """Return the fields of *record* by their names in the log.

    The id is the last one: it is the client's text, which could imitate another field.
    """
    return {
        "method": record.method or "-",
        "path": shortened(record.path, _PATH_BYTES) or "-",
        "status": record.status,
        **{name: _rounded(value) for name in _LOGGED if (value := getattr(record, name))},
        "request_id": record.id,
    }


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
