"""How long an event loop did not turn while something ran on it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_TICK = 0.001
"""Seconds between two looks."""
_SCHEDULER = Path("/proc/thread-self/schedstat")
"""Where Linux tells how many nanoseconds a thread ran, and how many it waited for a CPU."""


class Lag:
    """What the watch has seen so far."""

    longest = 0.0
    """Seconds of the longest stop."""


@asynccontextmanager
async def loop_watched() -> AsyncIterator[Lag]:
    """Watch the running event loop until the block ends; a stop is known once it is over.

    The clock alone would count what other processes take from a busy machine, and the CPU time of
    the loop's thread would miss a stop by another thread that keeps Python's lock, as a tokenizer
    may. So a stop counts with the time that it took, less what the thread waited for a CPU; and
    with no more than the CPU time that this process used meanwhile, because the thread that keeps
    the lock may wait for a CPU, too.
    """
    lag = Lag()
    watch = asyncio.create_task(_watch(lag))
    await asyncio.sleep(0)  # it has begun
    try:
        yield lag
        await asyncio.sleep(2 * _TICK)  # it has seen the end
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _watch(lag: Lag) -> None:
    while True:
        clock, cpu = _clock(), time.process_time()
        await asyncio.sleep(_TICK)
        stop = min(_clock() - clock, time.process_time() - cpu)
        lag.longest = max(lag.longest, stop)


def _clock() -> float:
    """Return a clock in seconds that stands still while this thread waits for a CPU, on Linux."""
    waited = int(_SCHEDULER.read_text().split()[1]) if _SCHEDULER.exists() else 0
    return time.perf_counter() - waited / 1e9
