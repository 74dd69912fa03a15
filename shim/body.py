"""The body of a request: whatever keeps it from being read is not the server's failure."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException

from .errors import ClientGone, InvalidParameter, TooLarge, invalid
from .strict import is_strict, refuse

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


class BodyRequest(Request[Any, Any, Any]):
    """Litestar's request, with failures by meaning where Litestar has a 500."""

    async def read(self, kind: type[S]) -> S:
        """Decode the body, strictly: `"5"` is no number.

        Not by Litestar, which would take it for one. Raises InvalidParameter for what *kind* does
        not allow and, in strict mode, UnsupportedParameter for what it has not.
        """
        body = await self.body()
        asked = _decoded(body, kind)
        if is_strict(self):
            known = {field.encode_name for field in msgspec.structs.fields(kind)}
            refuse(_decoded(body, dict[str, Any]).keys() - known)
        return asked

    async def small_json(self) -> Any:
        """Decode the body on a route that takes uploads too; raise TooLarge as JSON routes do."""
        limit: int = self.app.state.server.limits.body_bytes
        body = bytearray()
        async for chunk in self.stream():
            body += chunk
            if len(body) > limit:
                raise TooLarge(limit, len(body))
        return _decoded(body, Any)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; raise ClientGone if it breaks off."""
        try:
            async with aclosing(super().stream()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except InternalServerException as error:
            raise ClientGone("The client left before its request was complete.") from error


def _decoded(body: bytes | bytearray, kind: type[T]) -> T:
    if not body:
        raise InvalidParameter("The request has no body.")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    # The last two are for bytes that are not UTF-8, and for deep nesting.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidParameter(f"The body could not be read as JSON: {error}.") from error
