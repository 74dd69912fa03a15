"""Computes which requests are the same: one path, the same content in any order of its JSON.

`shim.http.identity` compares a request with its retry by their bytes; this compares requests of
different runs and of different versions of a client.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

import msgspec
from litestar.types import Scope
from msgspec import Struct

from . import content

_OURS = "x-shim-"
"""The beginning of Shim's own headers."""

_COMPARED = frozenset({"content-encoding", "origin"})
"""Headers that must be equal, beside Shim's own and the media type."""

_KEPT = _COMPARED | {
    "content-type",
    "accept",
    "user-agent",
    "x-stainless-retry-count",
    "x-stainless-timeout",
    "x-stainless-read-timeout",
}
"""Headers that are recorded, beside Shim's own. All others are not: any of them may hold a key."""

_SECRET = ("key", "token", "secret", "password", "signature")
"""Parts of the names of query parameters that are not recorded."""


class Head(Struct, frozen=True, kw_only=True):
    """A request without its body, and without anything that may be a key."""

    method: str
    path: str
    """Without the query; percent-decoded."""
    query: list[tuple[str, str]]
    """Sorted."""
    headers: list[tuple[str, str]]


def head(scope: Scope) -> Head:
    """Return what may be kept of the request of *scope*."""
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Head(
        method=str(scope.get("method")),
        path=scope["path"],
        query=sorted((name, value) for name, value in query if not _is_secret(name)),
        headers=[
            (name, value)
            for name, value in _decoded(scope["headers"])
            if name in _KEPT or name.startswith(_OURS)
        ],
    )


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _is_secret(name: str) -> bool:
    return any(part in name.lower() for part in _SECRET)


def content_type(head: Head) -> str:
    """Return the header Content-Type; an empty text if there is none."""
    return dict(head.headers).get("content-type", "")


class Request(Struct, frozen=True, kw_only=True):
    """What makes two requests the same."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    content: Any
    """JSON, the parts of a form by name, or the label of the bytes."""

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits."""
        return digest(self)


def digest(value: Any) -> str:
    """Return the SHA-256 of *value*, Structs or JSON; the order of members does not matter."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def request(head: Head, content: Any) -> Request:
    """Return the request with *head* and *content*."""
    headers = {
        name: value for name, value in head.headers if name in _COMPARED or name.startswith(_OURS)
    }
    media = content_type(head).partition(";")[0].strip().lower()
    if media:
        headers["content-type"] = media
    return Request(
        method=head.method, path=head.path, query=head.query, headers=headers, content=content
    )


def received(head: Head, body: BinaryIO) -> Request:
    """Return the request with *head* and *body*, which is read and not kept."""
    parts = content.form(body, content_type(head), content.hashed)
    if parts is not None:
        return request(head, content.of_form(parts))
    body.seek(0)
    return request(head, content.of_bytes(body))
