"""Computes which requests are the same: one key, one route, one body."""

import hashlib
from functools import cached_property
from typing import Final

from litestar.types import Scope

from .model_prefix import IN_SCOPE

_COMPARED = frozenset({b"authorization", b"api-key", b"content-encoding", b"origin"})
"""Headers that must be equal: whose request it is, and what its answer depends on."""

_OURS = b"x-shim-"
"""The beginning of Shim's own headers, all of which must be equal."""

_DIGEST_BYTES: Final = 16


class RequestIdentity:
    """The identity of one request, computed from its head and then from its body as it arrives.

    The stock client sends the same bytes again when it tries again, except the boundary of a
    multipart form, which is a new one each time. The identity does not depend on it, nor on the
    pieces in which the body arrives. Only digests are kept.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        content_type = dict(scope["headers"]).get(b"content-type", b"")
        self._boundary = _without_boundary(content_type)[1] if b"=" in content_type else b""
        self._body = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self._tail = b""
        """Bytes that may be the beginning of a boundary."""

    @cached_property  # mostly nobody needs it
    def head(self) -> bytes:
        """The digest of all but the body."""
        head = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        for name, value in self._scope["headers"]:
            if name == b"content-type":
                value = _without_boundary(value)[0]  # noqa: PLW2901
            elif name not in _COMPARED and not name.startswith(_OURS):
                continue
            head.update(b"%b: %b\n" % (name, value))
        scope = self._scope
        head.update(repr((scope["path"], scope.get(IN_SCOPE), scope["query_string"])).encode())
        return head.digest()

    def add(self, piece: bytes) -> None:
        """Add the next *piece* of the body."""
        if not self._boundary:
            self._body.update(piece)
            return
        *parts, last = (self._tail + piece).split(self._boundary)
        for part in parts:
            self._body.update(part)
        kept = min(len(self._boundary) - 1, len(last))
        self._body.update(last[: len(last) - kept])
        self._tail = last[len(last) - kept :]

    @cached_property
    def whole(self) -> tuple[bytes, bytes]:
        """The digests of the head and of the body, once the body has ended."""
        self._body.update(self._tail)
        return self.head, self._body.digest()


def _without_boundary(content_type: bytes) -> tuple[bytes, bytes]:
    """Return *content_type* without its boundary, and the boundary, empty if there is none."""
    parts = content_type.split(b";")
    for index, part in enumerate(parts):
        name, _, value = part.strip().partition(b"=")
        if name.lower() == b"boundary":
            rest = b";".join(parts[:index] + parts[index + 1 :])
            return rest, value.strip(b'"')
    return content_type, b""
