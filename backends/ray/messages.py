"""What travels from a replica to the server: items in batches, and failures as values."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypeVar

from msgspec import Struct

from backends.failures import BackendError

T = TypeVar("T")


class Failure(Struct, frozen=True):
    """The end of a request that failed in the replica.

    A value and not an exception: Ray Serve logs each exception with its traceback, and a client's
    mistakes would fill that log.
    """

    error: BackendError
    replica: str
    """The replica's id."""


async def whole(items: AsyncGenerator[Any, None], replica: str) -> list[Any]:
    """Return all *items*, the last one a Failure if one of the seam's errors ends them."""
    collected: list[Any] = []
    try:
        async with aclosing(items):
            async for item in items:
                collected.append(item)  # noqa: PERF401  those before a failure are kept
    except BackendError as error:
        collected.append(Failure(error, replica))
    return collected


async def batched(
    items: AsyncGenerator[Any, None], replica: str, interval: float
) -> AsyncGenerator[list[Any], None]:
    """Yield *items* in lists: the first item at once, then one list every *interval* seconds.

    The end comes at once, with a Failure if one of the seam's errors is the end. Closing or
    cancelling closes *items*. An interval it must be: a yield to Ray Serve returns before the list
    is sent, so how fast the reader is cannot be seen here.
    """
    outbox = _Outbox()
    reading = asyncio.create_task(outbox.read(items, replica))
    loop = asyncio.get_running_loop()
    try:
        while (batch := await outbox.batch()) is not None:
            sent = loop.time()
            yield batch
            await outbox.ended_within(sent + interval - loop.time())
        await reading  # raises what was not one of the seam's errors
    finally:
        reading.cancel()
        await asyncio.wait([reading])


class _Outbox:
    """Items that wait for the next batch."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._filled = asyncio.Event()
        self._ended = asyncio.Event()

    async def read(self, items: AsyncGenerator[Any, None], replica: str) -> None:
        """Put *items* in, to their end; a Failure is the last one if they fail."""
        try:
            async with aclosing(items):
                async for item in items:
                    self._put(item)
        except BackendError as error:
            self._put(Failure(error, replica))
        finally:
            self._ended.set()
            self._filled.set()

    def _put(self, item: Any) -> None:
        self._items.append(item)
        self._filled.set()

    async def batch(self) -> list[Any] | None:
        """Return the items so far, once there is one; None after the last."""
        await self._filled.wait()
        if not self._items:
            return None
        items, self._items = self._items, []
        if not self._ended.is_set():
            self._filled.clear()
        return items

    async def ended_within(self, seconds: float) -> None:
        """Return at the end of the items, after *seconds* at the latest."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return
