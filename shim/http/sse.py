"""Sends server-sent events as OpenAI's clients read them: `data:` lines, `[DONE]`, nothing else."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext
from types import MappingProxyType
from typing import Any

import msgspec
from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from shim.errors import ErrorAnswer, describe
from shim.serving.request_record import failed

_DONE = b"data: [DONE]\n\n"
_NOTHING = nullcontext()
_encode = msgspec.json.Encoder().encode


async def frames(chunks: AsyncGenerator[msgspec.Struct, None]) -> AsyncGenerator[bytes, None]:
    """Yield every chunk as an event, then `[DONE]`; an exception becomes one error event."""
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                yield b"data: %b\n\n" % _encode(chunk)
        # A request ends here. Its status has been sent, so the error must go in the body.
        except Exception as error:  # noqa: BLE001
            failed(error)
            _, body = describe(error)
            yield b"data: %b\n\n" % _encode(ErrorAnswer(body))
    yield _DONE


class EventStream(Response[None]):
    """A streamed answer that closes its generators, however it ends.

    Litestar's own stream never closes its iterator, and makes a task group for each answer to
    notice a disconnect; here `disconnects.py` does that for all answers.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[Any, None],
        *,
        framed: Callable[[AsyncGenerator[Any, None]], AsyncGenerator[bytes, None]] = frames,
        headers: Mapping[str, str] = MappingProxyType({}),
        holding: AbstractContextManager[Any] = _NOTHING,
    ) -> None:
        """Stream *chunks*, encoded by *framed*.

        *holding* is entered before the first event and exited when the stream ends, however it
        ends.
        """
        super().__init__(None, headers={"cache-control": "no-cache", **headers})
        self._chunks = chunks
        self._events = framed(chunks)
        self._holding = holding

    def to_asgi_response(self, *_args: Any, **_more: Any) -> ASGIApp:  # type: ignore[override]
        """Return the ASGI application that sends the answer."""
        return self._answer

    async def _answer(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        with self._holding:
            # The chunks too: a generator of events that never started does not close them.
            async with aclosing(self._chunks), aclosing(self._events):
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                async for event in self._events:
                    await send({"type": "http.response.body", "body": event, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
