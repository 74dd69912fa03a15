"""Marks a request as a line of a batch, in its scope: no client can, whatever it sends."""

from typing import cast

from litestar.types import Scope
from msgspec import Struct

_SCOPE_KEY = "shim.batch_line"


class BatchLine(Struct, frozen=True, kw_only=True):
    """Of which batch a request is a line."""

    batch: str
    """The id of the batch."""
    owner: bytes
    """The digest of the key that made the batch; empty if the server had no keys then."""


def mark(scope: Scope, line: BatchLine) -> None:
    """Mark the request of *scope* as *line*."""
    scope[_SCOPE_KEY] = line  # type: ignore[literal-required]


def batch_line(scope: Scope) -> BatchLine | None:
    """Return of which batch the request of *scope* is a line; None if a client sent it."""
    return cast("BatchLine | None", scope.get(_SCOPE_KEY))
