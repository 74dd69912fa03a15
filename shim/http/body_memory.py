"""Limits how many bytes of request bodies all requests in progress keep in memory together."""

from typing import cast

from litestar.types import ASGIApp, Receive, Scope, Send

from shim.errors import BodyMemoryFull

_SCOPE_KEY = "shim.body_memory"
"""The key of a request's share in its scope."""


class BodyMemory:
    """An ASGI application around another that counts the bytes which its requests `reserve`.

    A request's bytes are released when its answer has ended, however it ends: complete, failed,
    or cancelled.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        """*limit* is in bytes, for all requests of *app* together."""
        self._app = app
        self._limit = limit
        self.bytes = 0
        """Bytes that all requests in progress have reserved."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope[_SCOPE_KEY] = share = _Share(self)  # type: ignore[literal-required]
        try:
            await self._app(scope, receive, send)
        finally:
            share.release()

    def add(self, size: int) -> None:
        """Count *size* more bytes; raise BodyMemoryFull if that exceeds the limit."""
        if self.bytes + size > self._limit:
            raise BodyMemoryFull(
                f"The bodies of the requests in progress take {self.bytes} bytes of the "
                f"{self._limit} allowed for all together."
            )
        self.bytes += size


class _Share:
    """The bytes that one request has reserved."""

    def __init__(self, memory: BodyMemory) -> None:
        self._memory = memory
        self._bytes = 0

    def reserve(self, size: int) -> None:
        self._memory.add(size)
        self._bytes += size

    def release(self) -> None:
        self._memory.bytes -= self._bytes
        self._bytes = 0


def reserve(scope: Scope, size: int) -> None:
    """Reserve *size* more bytes for the request of *scope*, before they are kept.

    Raises BodyMemoryFull if the bodies of all requests would exceed the limit.
    """
    _share(scope).reserve(size)


def release(scope: Scope) -> None:
    """Release all bytes of the request of *scope*, whose body is not kept any longer."""
    _share(scope).release()


def _share(scope: Scope) -> _Share:
    return cast("_Share", scope[_SCOPE_KEY])  # type: ignore[literal-required]
