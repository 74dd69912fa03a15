"""Reads request bodies; what keeps one from being read is a 4xx, but for a lost decoder."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException

from shim.errors import ClientGone, TooLarge
from shim.limits import Limits

from .content_encoding import coding, unpacked
from .held_bodies import hold
from .json_decoding import Rules, decoded
from .json_worker import JsonWorker
from .strict import is_strict

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

INLINE_BYTES = 1 << 17
"""Bytes of a body that is decoded on the event loop: 12 ms at the worst, for 43,000 empty objects;
larger ones go to another process, which costs 0.5 ms of CPU here, and 2 ms in all."""


class BodyRequest(Request[Any, Any, Any]):
    """Litestar's request, with failures by meaning where Litestar has a 500."""

    size = 0
    """Bytes of the body, once it has been read whole."""

    async def read(self, kind: type[S]) -> S:
        """Decode the body, strictly: `"5"` is not a number.

        Not by Litestar, which would take it for one. Raises InvalidParameter for what *kind* or
        the limits do not allow and, in strict mode, UnsupportedParameter for what it has not.
        """
        rules = Rules(limits=self.limits, strict=is_strict(self), charset=self._charset)
        body = await self._whole(rules.limits.body_bytes)
        if len(body) <= INLINE_BYTES:
            return decoded(body, kind, rules)
        return await self._worker.decode(body, kind, rules)

    async def small_json(self, make: Callable[[Any], T]) -> T:
        """Return what *make* makes of the decoded body, on a route that takes uploads too.

        *make* is a function of a module; it may be called in another process. Raises TooLarge as
        JSON routes do, InvalidParameter, and what *make* does of ApiErrors.
        """
        rules = Rules(limits=self.limits, charset=self._charset)
        body = await self._whole(rules.limits.body_bytes)
        if len(body) <= INLINE_BYTES:
            return make(decoded(body, Any, rules))
        return await self._worker.decode(body, make, rules)

    @property
    def limits(self) -> Limits:
        """The server's limits."""
        return cast("Limits", self.app.state.server.limits)

    @property
    def _charset(self) -> str | None:
        return self.content_type[1].get("charset")

    @property
    def _worker(self) -> JsonWorker:
        return cast("JsonWorker", self.app.state.json_worker)

    async def _whole(self, limit: int) -> bytearray:
        """Return the body; raise TooLarge beyond *limit* bytes, BodiesHeld if all hold too much."""
        body = bytearray()
        async for chunk in self.stream():
            hold(self.scope, len(chunk))
            body += chunk
            if len(body) > limit:
                raise TooLarge(limit, len(body))
        self.size = len(body)
        return body

    def stream(self) -> AsyncGenerator[bytes, None]:
        """Return the body as it arrives, unpacked if it is packed.

        Raises UnsupportedCoding for a coding that is not known. The generator raises ClientGone if
        the body breaks off, TooLarge beyond what the route takes, InvalidParameter if it cannot be
        unpacked.
        """
        name = coding(self.headers.getall("content-encoding", []))
        received = self._received()
        if name is None:
            return received
        limit = cast("int", self.route_handler.resolve_request_max_body_size())
        return unpacked(received, name, limit)

    async def _received(self) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(super().stream()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except InternalServerException as error:
            raise ClientGone("The client left before its request was complete.") from error
