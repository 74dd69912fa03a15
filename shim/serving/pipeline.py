"""Works on generators of items: waits for the first, collects all, merges several into one.

And on coroutines that run side by side.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

_STARTS_PER_TURN = 16
"""Streams that start in one turn of the event loop: an engine may take 0.3 ms to start one."""

_Queue: TypeAlias = "asyncio.Queue[tuple[int, T] | Exception | None]"
"""`(stream index, item)`, or the exception a stream raised, or None when a stream ends."""


async def primed(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Wait for the first item, then return a generator that yields all of them.

    Closing it closes *items*. What *items* raise before the first item is raised here, while the
    HTTP status can still be a 4xx or 5xx: sending the first byte fixes the status.
    """
    replayed = _first_twice(items)
    await anext(replayed, None)
    return replayed


async def _first_twice(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    async with aclosing(items):
        async for first in items:
            yield first  # to `primed`, which discards it
            yield first  # to the consumer
            break
        async for item in items:
            yield item


async def collected(items: AsyncGenerator[T, None]) -> list[T]:
    """Return all *items*; if cancelled, close them, which aborts the request in the engine."""
    async with aclosing(items):
        return [item async for item in items]


async def merged(streams: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[tuple[int, T], None]:
    """Yield `(stream index, item)` from all *streams*, which run at the same time.

    The items of one stream keep their order. The first Exception that a stream raises is raised
    here, unwrapped, and ends the others. Ending in any way, closing too, waits until every stream
    is closed: its engine has then aborted the request.
    """
    if len(streams) == 1:  # the usual case needs no tasks
        async with aclosing(streams[0]) as only:
            async for item in only:
                yield 0, item
        return
    # Bounded, so that engines wait for a client that reads slowly.
    queue: _Queue[T] = asyncio.Queue(len(streams))
    pumps: list[asyncio.Task[None]] = []
    try:
        for index, stream in enumerate(streams):
            pumps.append(asyncio.create_task(_pump(index, stream, queue)))
            if len(pumps) % _STARTS_PER_TURN == 0:
                await asyncio.sleep(0)
        running = len(pumps)
        while running:
            match await queue.get():
                case None:
                    running -= 1
                case Exception() as error:
                    raise error
                case index_and_item:
                    yield index_and_item
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(index: int, stream: AsyncGenerator[T, None], queue: "_Queue[T]") -> None:
    """Put the items of *stream* into *queue*, then None, or the Exception that it raises."""
    try:
        async with aclosing(stream):
            async for item in stream:
                await queue.put((index, item))
    # `merged` raises it again.
    except Exception as error:  # noqa: BLE001
        await queue.put(error)
    else:
        await queue.put(None)


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of *coroutines*, which run at the same time, in their order.

    The first error is raised here, unwrapped, and ends the others. Ending in any way, by being
    cancelled too, waits until all have ended.
    """
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
