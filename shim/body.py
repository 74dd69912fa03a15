"""The body of a request: whatever keeps it from being read is not the server's failure."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException, SerializationException

from .errors import ClientGone, InvalidParameter, TooLarge


class BodyRequest(Request[Any, Any, Any]):
    """Litestar's request, with failures by meaning where Litestar has a 500."""

    async def json(self) -> Any:
        """Decode the body; raise InvalidParameter if it is not JSON."""
        try:
            return await super().json()
        # The last two are msgspec's own for bytes that are not UTF-8, and for deep nesting.
        except (SerializationException, UnicodeDecodeError, RecursionError) as error:
            raise InvalidParameter(f"The body could not be read as JSON: {error}.") from error

    async def small_json(self) -> Any:
        """Decode the body on a route that takes uploads too; raise TooLarge as JSON routes do."""
        limit: int = self.app.state.server.max_body_bytes
        body = bytearray()
        async for chunk in self.stream():
            body += chunk
            if len(body) > limit:
                raise TooLarge(limit, len(body))
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidParameter(f"The body could not be read as JSON: {error}.") from error

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; raise ClientGone if it breaks off."""
        try:
            async with aclosing(super().stream()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except InternalServerException as error:
            raise ClientGone("The client left before its request was complete.") from error
