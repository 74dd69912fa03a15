"""Sends another server's answer to the client: its status, its headers and its bytes."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing
from typing import Any

import msgspec
from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from backends.base import RemoteHead
from shim.errors import ErrorAnswer, ErrorBody, describe

from .usage import Items

log = logging.getLogger(__name__)

Ending = Callable[[ErrorBody, bytes], bytes]
"""Returns the last events of a stream that fails, for the error and the last events before it."""


def error_and_done(error: ErrorBody, _last: bytes) -> bytes:
    """Return the events that end a failed stream of all routes but responses."""
    return b"data: %b\n\ndata: [DONE]\n\n" % msgspec.json.encode(ErrorAnswer(error))


class RemoteAnswer(Response[None]):
    """An answer of another server, sent on as it arrives; closes its generator however it ends."""

    def __init__(
        self,
        head: RemoteHead,
        items: Items,
        *,
        ending: Ending,
        holding: AbstractContextManager[Any],
    ) -> None:
        """*items* follow the *head*. *holding* is exited when the answer ends, however it ends."""
        super().__init__(None, status_code=head.status)
        self._head = head
        self._items = items
        self._ending = ending
        self._holding = holding

    def to_asgi_response(self, *_args: Any, **_more: Any) -> ASGIApp:  # type: ignore[override]
        """Return the ASGI application that sends the answer."""
        return self._answer

    async def _answer(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        head = self._head
        headers = [
            *head.headers,
            (b"x-shim-upstream", head.upstream.encode()),
            (b"x-shim-attempts", b"%d" % head.attempts),
        ]
        with self._holding:
            async with aclosing(self._items):
                await send(
                    {"type": "http.response.start", "status": head.status, "headers": headers}
                )
                if await self._sent(send):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _sent(self, send: Send) -> bool:
        """Send the bytes; return whether the answer can be ended as it should.

        An answer that is not a stream of events cannot say that it failed: uvicorn closes its
        connection before its end, which every client notices.
        """
        last = b""
        try:
            async for item in self._items:
                if isinstance(item, bytes):
                    last = item
                    await send({"type": "http.response.body", "body": item, "more_body": True})
        # A request ends here. Its status has been sent, so the error must go in the body.
        except Exception as error:  # noqa: BLE001
            _, body = describe(error)
            log.info("%s: %s", self._head.upstream, body.message)
            if not self._head.events:
                return False
            last = self._ending(body, last)
            await send({"type": "http.response.body", "body": last, "more_body": True})
        return True
