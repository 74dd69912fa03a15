"""Sends errors outside of the application: as ASGI messages, and as raw HTTP/1.1."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar.types import Send

from shim.errors import ErrorAnswer, describe, reason_of
from shim.serving.request_record import RequestRecord, failed

from .request_id import HEADER, new_id

CONNECTION_ERROR = "shim.connection_error"
"""The key in a request's scope of the ApiError that its connection found."""

_CLOSE = (b"connection", b"close")
_JSON = (b"content-type", b"application/json")


async def refuse(error: Exception, send: Send, *, close: bool = False) -> None:
    """Answer a request with *error*, in OpenAI's shape; if *close*, the connection ends then."""
    failed(error)
    status, headers, body = _parts(error)
    if close:
        headers.append(_CLOSE)
    start: Any = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})


def raw_answer(error: Exception) -> tuple[bytes, RequestRecord]:
    """Return *error* as the bytes of an HTTP/1.1 answer that ends its connection, and its record.

    There is no request with a method and a path: its head did not arrive, or is not valid.
    """
    status, headers, body = _parts(error)
    record = RequestRecord(id=new_id().decode())
    record.status, record.error = status, reason_of(error)
    headers.append((HEADER, record.id.encode()))
    lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())]
    lines += [b"%b: %b" % header for header in (*headers, _CLOSE)]
    return b"\r\n".join([*lines, b"", body]), record


def _parts(error: Exception) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    status, error_body = describe(error)
    body = msgspec.json.encode(ErrorAnswer(error_body))
    headers = [
        _JSON,
        (b"content-length", b"%d" % len(body)),
        *((name.encode(), value.encode()) for name, value in status.headers.items()),
    ]
    return status.status, headers, body
