"""Sends errors outside of the application: as ASGI messages, and as raw HTTP/1.1."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar.types import Scope, Send

from shim.errors import ErrorAnswer, describe

from .request_id import HEADER, log_answer, new_id

CONNECTION_ERROR = "shim.connection_error"
"""The key in a request's scope of the ApiError that its connection found."""

_CLOSE = (b"connection", b"close")
_JSON = (b"content-type", b"application/json")


async def refuse(error: Exception, scope: Scope, send: Send, *, close: bool = False) -> None:
    """Answer a request with *error*, in OpenAI's shape; if *close*, the connection ends then."""
    status, headers, body = _parts(error)
    headers.append((HEADER, log_answer(scope, status)))
    if close:
        headers.append(_CLOSE)
    start: Any = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})


def raw_answer(error: Exception) -> bytes:
    """Return *error* as the bytes of an HTTP/1.1 answer that ends its connection."""
    status, headers, body = _parts(error)
    headers.append((HEADER, new_id()))
    lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())]
    lines += [b"%b: %b" % header for header in (*headers, _CLOSE)]
    return b"\r\n".join([*lines, b"", body])


def _parts(error: Exception) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    status, error_body = describe(error)
    body = msgspec.json.encode(ErrorAnswer(error_body))
    headers = [
        _JSON,
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in status.headers.items()),
    ]
    return status.status, headers, body
