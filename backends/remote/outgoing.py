"""What is sent to one server: the URL, the headers, and the body with the model's name there."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import BinaryIO
from urllib.parse import quote

import msgspec
from multidict import CIMultiDict
from yarl import URL

from backends.base import RemoteBody, RemoteRequest

from .headers import to_upstream
from .upstream import UpstreamState

_PIECE = 1 << 18
"""Bytes that are read at once from a body of more bytes. A piece of a file takes 30 µs: what was
just written to it is in memory."""


def url_of(server: UpstreamState, request: RemoteRequest) -> URL:
    """Return the URL of *request* at *server*."""
    base = server.root if request.at_root else server.url
    path = request.path.replace("{model}", quote(server.model))
    return URL(base + path, encoded=True)


def headers_of(server: UpstreamState, request: RemoteRequest) -> Mapping[str, str]:
    """Return the headers of *request* for *server*, with its key and the length of the body."""
    headers = CIMultiDict(to_upstream(request.headers, key=server.key))
    if request.method == "POST":
        headers["content-length"] = str(_size(server, request.body))
    return headers


def _name(server: UpstreamState, body: RemoteBody) -> bytes:
    match body.form:
        case "json":
            name = msgspec.json.encode(server.model)
        case "text":
            name = server.model.encode()
        case "none":
            return b""
    return body.before_name + name + body.after_name


def _size(server: UpstreamState, body: RemoteBody) -> int:
    return body.size - (body.name_end - body.name_start) + len(_name(server, body))


def body_of(server: UpstreamState, body: RemoteBody) -> bytes | AsyncIterator[bytes] | None:
    """Return the body for *server*: bytes if they are few, else pieces."""
    if body.size == 0:
        return None
    name = _name(server, body)
    content = body.content
    if isinstance(content, bytes | bytearray) and body.size <= _PIECE:
        return b"".join((content[: body.name_start], name, content[body.name_end :]))
    return _pieces(body, name)


async def _pieces(body: RemoteBody, name: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, body.name_start, _PIECE):
        yield _read(body.content, start, min(start + _PIECE, body.name_start))
    if name:
        yield name
    for start in range(body.name_end, body.size, _PIECE):
        yield _read(body.content, start, min(start + _PIECE, body.size))


def _read(content: bytes | bytearray | BinaryIO, start: int, end: int) -> bytes:
    if isinstance(content, bytes | bytearray):
        return bytes(content[start:end])
    content.seek(start)
    return content.read(end - start)
