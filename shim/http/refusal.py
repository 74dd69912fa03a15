"""Errors that are answered outside of the application: as ASGI messages, and as raw HTTP/1.1."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar.types import Scope, Send

from shim.errors import ErrorAnswer, describe

from .request_id import HEADER, logged, new

FAILURE = "shim.failure"
"""Where a request's scope holds the error that its connection has found."""

_CLOSE = (b"connection", b"close")
_JSON = (b"content-type", b"application/json")


async def refuse(error: Exception, scope: Scope, send: Send, *, close: bool = False) -> None:
    """Answer a request with *error*, in OpenAI's shape; *close* ends the connection."""
    status, headers, body = _parts(error)
    headers.append((HEADER, logged(scope, status)))
    if close:
        headers.append(_CLOSE)
    start: Any = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})


def raw_answer(error: Exception) -> bytes:
    """Return *error* as the bytes of an answer that ends its connection."""
    status, headers, body = _parts(error)
    headers.append((HEADER, new()))
    lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())]
    lines += [b"%b: %b" % header for header in (*headers, _CLOSE)]
    return b"\r\n".join([*lines, b"", body])


def _parts(error: Exception) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    failure, about = describe(error)
    body = msgspec.json.encode(ErrorAnswer(about))
    headers = [
        _JSON,
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in failure.headers.items()),
    ]
    return failure.status, headers, body
