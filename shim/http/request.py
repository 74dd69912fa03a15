"""Reads request bodies. A body that cannot be read is a 4xx, a full or lost decoder a 503."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException

from shim.errors import ClientGone, TooLarge
from shim.limits import Limits

from .body_memory import check, reserve
from .charset import json_as_utf8
from .content_encoding import coding, decompressed
from .json_decoding import Rules, decoded
from .json_peek import Peeked, peeked
from .json_worker import JsonWorker
from .strict import is_strict

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

INLINE_BYTES = 1 << 17
"""Most bytes of a body that is decoded on the event loop: at worst 12 ms, for 43,000 empty objects.
Larger ones go to another process, which costs 0.5 ms of CPU here, and takes 2 ms in all."""


class ApiRequest(Request[Any, Any, Any]):
    """Litestar's request, with a strict decoder and errors of Shim's own."""

    size = 0
    """Bytes of the body, once the whole body has been read."""
    _peeked: bytearray | None = None
    """The body that `peek` has read, for the next `read`."""
    _chunks: AsyncGenerator[bytes, None] | None = None
    """What `stream` returns next instead of the body as it arrives; None: the body."""

    async def read(self, kind: type[S]) -> S:
        """Return the body decoded as *kind*, by `json_decoding.decoded`.

        Litestar's own decoder would take the string `"5"` for a number. Raises what `decoded` does,
        and TooLarge, BodyMemoryFull, ClientGone, UnsupportedCoding or DecoderFailed.
        """
        rules = Rules(limits=self.limits, strict=is_strict(self), charset=self._charset)
        body = await self._whole(rules.limits.body_bytes)
        if len(body) <= INLINE_BYTES:
            return decoded(body, kind, rules)
        return await self._worker.decode(body, kind, rules)

    async def small_json(self, make: Callable[[Any], T]) -> T:
        """Return the result of *make* for the decoded body, on a route that takes uploads too.

        *make* must be defined at the top of a module; it may run in another process. Raises any
        ApiError of *make*, and what `read` raises: the limit is that of JSON bodies.
        """
        rules = Rules(limits=self.limits, charset=self._charset)
        body = await self._whole(rules.limits.body_bytes)
        if len(body) <= INLINE_BYTES:
            return make(decoded(body, Any, rules))
        return await self._worker.decode(body, make, rules)

    async def peek(self) -> tuple[Peeked | None, bytes | bytearray]:
        """Return what `peeked` finds in the body, and the body in UTF-8; `read` can follow.

        Raises TooLarge, BodyMemoryFull, ClientGone, UnsupportedCoding, UnsupportedMedia,
        InvalidParameter or DecoderFailed.
        """
        self._peeked = await self._whole(self.limits.body_bytes)
        body = json_as_utf8(self._peeked, self._charset)
        if len(body) <= INLINE_BYTES:
            return peeked(body), body
        rules = Rules(limits=self.limits)
        return await self._worker.decode(body, Peeked, rules), body

    def take_peeked(self) -> bytearray:
        """Return the body that `peek` has read, and keep it no longer: it may have 64 MB."""
        body, self._peeked = self._peeked, None
        assert body is not None  # noqa: S101  to be called after `peek`
        return body

    def replay(self, chunks: AsyncGenerator[bytes, None]) -> None:
        """Let the next `stream` return *chunks*, whose beginning was taken from an earlier one."""
        self._chunks = chunks

    @property
    def limits(self) -> Limits:
        """The limits in the server's settings."""
        return cast("Limits", self.app.state.server.limits)

    @property
    def _charset(self) -> str | None:
        return self.content_type[1].get("charset")

    @property
    def _worker(self) -> JsonWorker:
        return cast("JsonWorker", self.app.state.json_worker)

    async def _whole(self, limit: int) -> bytearray:
        """Return the whole body.

        Raises TooLarge above *limit* bytes, BodyMemoryFull if all bodies together exceed theirs:
        before it reads anything, if the stated length shows that.
        """
        if self._peeked is not None:
            return self.take_peeked()
        # Only checked: a client that sends slowly could else reserve much and keep others out.
        if (stated := int(self.headers.get("content-length", 0))) <= limit:
            check(self.scope, stated)
        body = bytearray()
        async for chunk in self.stream():
            reserve(self.scope, len(chunk))
            body += chunk
            if len(body) > limit:
                raise TooLarge(limit, len(body))
        self.size = len(body)
        return body

    def stream(self) -> AsyncGenerator[bytes, None]:
        """Return a generator of the body as it arrives, decompressed if it is compressed.

        Raises UnsupportedCoding for an unknown coding. The generator raises ClientGone if the
        client disconnects, TooLarge above the route's limit and InvalidParameter if the body is not
        valid in its coding.
        """
        if (chunks := self._chunks) is not None:
            self._chunks = None
            return chunks
        name = coding(self.headers.getall("content-encoding", []))
        received = self._received()
        if name is None:
            return received
        limit = cast("int", self.route_handler.resolve_request_max_body_size())
        return decompressed(received, name, limit)

    async def _received(self) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(super().stream()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except InternalServerException as error:
            raise ClientGone("The client disconnected during its request.") from error
