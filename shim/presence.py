"""Whether the client is still there: work for one that has left is cancelled."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from litestar import Request

from .errors import ClientGone

T = TypeVar("T")


async def while_present(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """Await *work*, of a *request* whose body has been read; cancel it when the client leaves.

    Raises ClientGone then. A streamed answer is watched by Litestar itself, once it has begun.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone("The client left.")
        return await working
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def collected(items: AsyncGenerator[T, None]) -> list[T]:
    """Return all *items*; if cancelled, close their generator, which aborts the engine."""
    async with aclosing(items):
        return [item async for item in items]


async def _gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
