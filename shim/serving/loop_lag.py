"""Measures how late the event loop runs its timers."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

_PERIOD = 0.1
"""Seconds between two measurements of the lag."""


@asynccontextmanager
async def measured_lag(observe: Callable[[float], None]) -> AsyncGenerator[None, None]:
    """Pass the lag of the event loop, in seconds, to *observe* every 0.1 s until the block ends."""
    measuring = asyncio.create_task(_measure(observe))
    try:
        yield
    finally:
        measuring.cancel()
        await asyncio.wait([measuring])


async def _measure(observe: Callable[[float], None]) -> None:
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(_PERIOD)
        observe(max(time.perf_counter() - begin - _PERIOD, 0.0))
