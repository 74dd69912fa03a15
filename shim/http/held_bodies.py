"""Bounds the bytes of the bodies that all requests in progress keep in memory together."""

from typing import cast

from litestar.types import ASGIApp, Receive, Scope, Send

from shim.errors import BodiesHeld

_IN_SCOPE = "shim.hold"
"""The key of what a request holds, in its scope."""


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
        scope[_IN_SCOPE] = held = _Held(self)  # type: ignore[literal-required]
        try:
            await self._app(scope, receive, send)
        finally:
            held.release()

    def add(self, size: int) -> None:
        """Count *size* more bytes; raise BodiesHeld if they are too many."""
        if self.bytes + size > self._limit:
            raise BodiesHeld(
                f"The requests in progress hold {self.bytes} of the {self._limit} bytes that "
                "their bodies may take together."
            )
        self.bytes += size


class _Held:
    """What one request holds."""

    def __init__(self, everyone: HeldBodies) -> None:
        self._everyone = everyone
        self._bytes = 0

    def hold(self, size: int) -> None:
        self._everyone.add(size)
        self._bytes += size

    def release(self) -> None:
        self._everyone.bytes -= self._bytes
        self._bytes = 0


def hold(scope: Scope, size: int) -> None:
    """Count *size* more bytes for the request of *scope*; raise BodiesHeld before they are kept."""
    _held(scope).hold(size)


def release(scope: Scope) -> None:
    """Count no more bytes for the request of *scope*: its body is not kept any longer."""
    _held(scope).release()


def _held(scope: Scope) -> _Held:
    return cast("_Held", scope[_IN_SCOPE])  # type: ignore[literal-required]
