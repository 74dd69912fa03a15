"""Strict mode: whether parameters that nobody documents are refused instead of ignored."""

import heapq
from collections.abc import Collection
from typing import Any

from litestar import Request

from shim.errors import InvalidParameter, UnsupportedParameter, shortened

HEADER = "x-shim-strict"
"""Overrides the server's setting for one request: `true` or `false`."""


def is_strict(request: Request[Any, Any, Any]) -> bool:
    """Return what the request says, else what the server is set to."""
    said = request.headers.get(HEADER, "").lower()
    if said not in ("", "true", "false"):
        raise InvalidParameter(f"`{HEADER}` is `true` or `false`.", param=HEADER)
    return said == "true" if said else bool(request.app.state.server.strict)


_NAMED = 10
"""Unknown parameters that a refusal lists."""

_NAME_BYTES = 60


def refuse(unknown: Collection[str]) -> None:
    """Raise UnsupportedParameter, naming the first ten of *unknown* in alphabetical order."""
    if not unknown:
        return
    first = heapq.nsmallest(_NAMED, unknown)
    names = ", ".join(shortened(name, _NAME_BYTES) for name in first)
    more = len(unknown) - len(first)
    rest = f" … and {more} more" if more else ""
    raise UnsupportedParameter(
        f"Unknown here, and refused in strict mode: {names}{rest}.", param=first[0]
    )
