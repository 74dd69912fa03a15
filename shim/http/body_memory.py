"""Limits how many bytes of request bodies all requests in progress keep in memory together."""

from typing import cast

from litestar.types import ASGIApp, Receive, Scope, Send

from shim.errors import BodyMemoryFull
from shim.serving.retry_schedule import RetrySchedule

_SCOPE_KEY = "shim.body_memory"
"""The key of a request's share in its scope."""


class HeldBytes:
    """Counts the bytes that all requests in progress have reserved. There is one for a process."""

    def __init__(self) -> None:
        self.count = 0
        """Bytes that are reserved at present."""
        self._full = False
        """Whether a request has been refused since fewer than half of the bytes were reserved."""
        self._retries = RetrySchedule(slots=1)

    def check(self, size: int, limit: int) -> None:
        """Raise BodyMemoryFull if *size* more bytes would exceed *limit*."""
        if self.count + size <= limit:
            return
        if not self._full:
            self._full = True
            self._retries.busy_from_now()
        raise BodyMemoryFull(
            f"The bodies of the requests in progress take {self.count} bytes of the {limit} "
            "allowed for all together.",
            retry_after=self._retries.reserve(),
        )

    def release(self, size: int, limit: int) -> None:
        """Release *size* bytes of a request."""
        self.count -= size
        if self._full and size:
            self._retries.one_ended()
            self._full = self.count > limit // 2


class BodyMemory:
    """An ASGI application around another that counts the bytes which its requests `reserve`.

    A request's bytes are released when its answer has ended, however it ends: complete, failed,
    or cancelled.
    """

    def __init__(self, app: ASGIApp, held: HeldBytes, limit: int) -> None:
        """*limit* is in bytes, for all requests that *held* counts."""
        self._app = app
        self._held = held
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        share = _Share(self._held, self._limit)
        scope[_SCOPE_KEY] = share  # type: ignore[literal-required]
        try:
            await self._app(scope, receive, send)
        finally:
            share.release()


class _Share:
    """The bytes that one request has reserved."""

    def __init__(self, held: HeldBytes, limit: int) -> None:
        self._held = held
        self._limit = limit
        self._bytes = 0

    def check(self, size: int) -> None:
        self._held.check(size, self._limit)

    def reserve(self, size: int) -> None:
        self.check(size)
        self._held.count += size
        self._bytes += size

    def release(self) -> None:
        self._held.release(self._bytes, self._limit)
        self._bytes = 0


def check(scope: Scope, size: int) -> None:
    """Raise BodyMemoryFull if the request of *scope* could not reserve *size* more bytes now."""
    _share(scope).check(size)


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
