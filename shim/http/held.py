"""Bounds the bytes of the bodies that all requests in progress keep in memory together."""

from collections.abc import Callable
from typing import cast

from litestar.types import ASGIApp, Receive, Scope, Send

from shim.errors import BodiesHeld

_IN_SCOPE = "shim.hold"
"""The key of a function in the scope of a request, which is called with bytes to be kept."""


class HeldBodies:
    """An ASGI application in front of another, which counts what its requests `hold`.

    A request's bytes count until its answer has ended, however it ends: finished, failed, streamed
    or cancelled.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self.bytes = 0
        """Bytes that the requests in progress hold together."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self.bytes + size > self._limit:
                raise BodiesHeld(
                    f"The requests in progress hold {self.bytes} of the {self._limit} bytes that "
                    "their bodies may take together."
                )
            held += size
            self.bytes += size

        scope[_IN_SCOPE] = hold  # type: ignore[literal-required]
        try:
            await self._app(scope, receive, send)
        finally:
            self.bytes -= held


def hold(scope: Scope, size: int) -> None:
    """Count *size* more bytes for the request of *scope*; raise BodiesHeld before they are kept."""
    cast("Callable[[int], None]", scope[_IN_SCOPE])(size)  # type: ignore[literal-required]
