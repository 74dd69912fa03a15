"""Generators of items: the first of them awaited, all collected, several as one."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeAlias, TypeVar

T = TypeVar("T")

_STARTED_AT_ONCE = 16
"""Streams that begin in one turn of the event loop: an engine may take 0.3 ms to begin one."""

_Queue: TypeAlias = "asyncio.Queue[tuple[int, T] | Exception | None]"
"""An item with the number of its stream, what a stream failed of, or None: one has ended."""


async def primed(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Await the first of *items*, then return them all; to close what is returned closes them.

    The first byte spends the HTTP status: what fails before it is still a 4xx or 5xx.
    """
    begun = _begun(items)
    await anext(begun, None)
    return begun


async def _begun(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    async with aclosing(items):
        async for first in items:
            yield first  # to `primed`
            yield first  # to whom it is for
            break
        async for item in items:
            yield item


async def collected(items: AsyncGenerator[T, None]) -> list[T]:
    """Return all *items*; if cancelled, close their generator, which aborts the engine."""
    async with aclosing(items):
        return [item async for item in items]


async def merged(streams: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[tuple[int, T], None]:
    """Yield what the *streams* bring as it comes, with the number of the stream.

    All run at once. The first failure is raised and ends the others; so does closing.
    """
    if len(streams) == 1:  # the usual case needs no tasks
        async with aclosing(streams[0]) as only:
            async for item in only:
                yield 0, item
        return
    # Bounded, so that engines wait for a client that reads slowly.
    arrived: _Queue[T] = asyncio.Queue(len(streams))
    pumps: list[asyncio.Task[None]] = []
    try:
        for at, each in enumerate(streams):
            pumps.append(asyncio.create_task(_pump(at, each, arrived)))
            if len(pumps) % _STARTED_AT_ONCE == 0:
                await asyncio.sleep(0)
        running = len(pumps)
        while running:
            match await arrived.get():
                case None:
                    running -= 1
                case Exception() as error:
                    raise error
                case found:
                    yield found
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(at: int, stream: AsyncGenerator[T, None], arrived: "_Queue[T]") -> None:
    try:
        async with aclosing(stream):
            async for item in stream:
                await arrived.put((at, item))
    # It is raised where the streams are awaited.
    except Exception as error:  # noqa: BLE001
        await arrived.put(error)
    else:
        await arrived.put(None)
