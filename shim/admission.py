"""How many requests run, how many wait, and what happens to the next one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from .errors import QueueFull

T = TypeVar("T")


class Admission:
    """A bounded queue in front of one backend."""

    def __init__(self, *, max_running: int, max_waiting: int) -> None:
        self._slots = asyncio.Semaphore(max_running)
        self._max_waiting = max_waiting
        self._waiting = 0
        self.capacity = max_running + max_waiting
        """Requests that run and wait together at the most."""

    async def admit(self, items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """Pass *items* on once a slot is free; raise QueueFull at once if none can be waited for.

        The slot is held by this generator and not by a Litestar dependency, because dependencies
        are torn down before the response body is streamed.
        """
        if self._slots.locked() and self._waiting >= self._max_waiting:
            raise QueueFull(f"{self._waiting} requests are already waiting for this model.")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            async with aclosing(items):
                async for item in items:
                    yield item
        finally:
            self._slots.release()
