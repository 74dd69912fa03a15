"""Strict mode: whether parameters that nobody documents are refused instead of ignored."""

from collections.abc import Iterable
from typing import Any

from litestar import Request

from .errors import InvalidParameter, UnsupportedParameter

HEADER = "x-shim-strict"
"""Overrides the server's setting for one request: `true` or `false`."""


def is_strict(request: Request[Any, Any, Any]) -> bool:
    """Return what the request says, else what the server is set to."""
    said = request.headers.get(HEADER, "").lower()
    if said not in ("", "true", "false"):
        raise InvalidParameter(f"`{HEADER}` is `true` or `false`.", param=HEADER)
    return said == "true" if said else bool(request.app.state.server.strict)


def refuse(unknown: Iterable[str]) -> None:
    """Raise UnsupportedParameter, naming all that is *unknown*."""
    if names := sorted(unknown):
        raise UnsupportedParameter(
            f"Unknown here, and refused in strict mode: {', '.join(names)}.", param=names[0]
        )
