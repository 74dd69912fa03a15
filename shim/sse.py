"""Server-sent events as OpenAI's clients read them: `data:` lines, `[DONE]`, nothing else."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

import msgspec
from litestar.background_tasks import BackgroundTask
from litestar.response import Stream

from .errors import ErrorAnswer, describe

T = TypeVar("T")

_DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


async def primed(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Await the first of *items*, then return them all.

    The first byte spends the HTTP status: what fails before it is still a 4xx or 5xx.
    """
    try:
        first = await anext(items)
    except StopAsyncIteration:
        return _nothing()
    except BaseException:
        await items.aclose()
        raise
    return _rejoined(first, items)


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


def event_stream(events: AsyncGenerator[bytes, None]) -> Stream:
    """Answer with *events*, which are closed even if the client leaves while one is being sent.

    Litestar never closes the iterator that it streams; here its background task does.
    """
    return Stream(
        events,
        media_type="text/event-stream",
        headers={"cache-control": "no-cache"},
        background=BackgroundTask(events.aclose),
    )


async def _rejoined(first: T, rest: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    async with aclosing(rest):
        yield first
        async for item in rest:
            yield item


async def _nothing() -> AsyncGenerator[T, None]:
    return
    yield
