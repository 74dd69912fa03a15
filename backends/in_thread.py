"""Runs a blocking function in a thread, to its end, also if its caller is cancelled."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_POLL = 0.1
"""Seconds between two looks at a thread that should end."""


async def in_thread(function: Callable[[], T], *, on_cancel: Callable[[], None] | None = None) -> T:
    """Return the result of *function*, which runs in a thread; raise what it raises.

    A thread cannot be cancelled. If this call is cancelled, it calls *on_cancel* (in a thread too)
    again and again until *function* has ended, with or without an error. Only then does it
    raise CancelledError.
    """
    running = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            if on_cancel is not None:
                await asyncio.to_thread(on_cancel)
            await asyncio.wait([running], timeout=_POLL)
        running.exception()  # read it, or asyncio logs that it was never retrieved
        raise
