"""Server-sent events as OpenAI's clients read them: `data:` lines, `[DONE]`, nothing else."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from litestar.background_tasks import BackgroundTask
from litestar.response import Stream

from .errors import ErrorAnswer, describe

T = TypeVar("T")

_DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


async def primed(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Await the first of *items*, then return them all; to close what is returned closes them.

    The first byte spends the HTTP status: what fails before it is still a 4xx or 5xx.
    """
    begun = _begun(items)
    await anext(begun, None)
    return begun


async def frames(chunks: AsyncGenerator[msgspec.Struct, None]) -> AsyncGenerator[bytes, None]:
    """Frame every chunk, then end the stream; a failure on the way becomes one error event."""
    async with aclosing(chunks):
        try:
            async for chunk in chunks:
                yield b"data: %b\n\n" % _encode(chunk)
        # A request ends here: its status is spent, so that the failure has to go in the body.
        except Exception as error:  # noqa: BLE001
            _, body = describe(error)
            yield b"data: %b\n\n" % _encode(ErrorAnswer(body))
    yield _DONE


def event_stream(
    chunks: AsyncGenerator[msgspec.Struct, None],
    *,
    framed: Callable[[AsyncGenerator[Any, None]], AsyncGenerator[bytes, None]] = frames,
    headers: Mapping[str, str] = MappingProxyType({}),
    then: Callable[[], None] | None = None,
) -> Stream:
    """Answer with *chunks*, which are closed even if the client leaves while one is being sent.

    *framed* makes bytes of them, *then* is called when that is done. Litestar never closes the
    iterator that it streams; here its background task does.
    """
    events = framed(chunks)

    async def close() -> None:
        await events.aclose()
        await chunks.aclose()  # too: frames that were never begun have nothing to close them with
        if then is not None:
            then()

    return Stream(
        events,
        media_type="text/event-stream",
        headers={"cache-control": "no-cache", **headers},
        background=BackgroundTask(close),
    )


async def _begun(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    async with aclosing(items):
        async for first in items:
            yield first  # to `primed`
            yield first  # to whom it is for
            break
        async for item in items:
            yield item
