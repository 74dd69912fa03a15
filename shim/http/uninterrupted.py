"""Waits for work in threads, which goes on when the request that it is for is cancelled."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def uninterrupted(running: Awaitable[T]) -> T:
    """Return the result of *running*; if cancelled, wait for its end first, as it uses a file."""
    future = asyncio.ensure_future(running)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.gather(future, return_exceptions=True)
        raise
