"""Decides whether a request is in strict mode, which refuses undocumented parameters."""

from typing import Any

from litestar import Request

from shim.errors import InvalidParameter

HEADER = "x-shim-strict"
"""The header that overrides the server's setting for one request: `true` or `false`."""


def is_strict(request: Request[Any, Any, Any]) -> bool:
    """Return the value of the header, or else the server's setting.

    Raises InvalidParameter if the header is neither `true` nor `false`, in any case, nor empty.
    """
    header = request.headers.get(HEADER, "").lower()
    if header not in ("", "true", "false"):
        raise InvalidParameter(f"`{HEADER}` must be `true` or `false`.", param=HEADER)
    return header == "true" if header else bool(request.app.state.server.strict)
