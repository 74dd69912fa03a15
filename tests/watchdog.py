"""How long an event loop did not turn while something ran on it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

_TICK = 0.005
"""Seconds between two looks; shorter stops are not seen."""
_THREADS = Path("/proc/self/task")
"""Where Linux says of each thread how many nanoseconds it has waited for a CPU."""


Test = Callable[..., Awaitable[None]]


def tried_again(test: Test) -> Test:
    """Return *test*, which fails only if it does so three times in a row.

    For tests that measure time: once in a while the machine does something else.
    """

    @wraps(test)
    async def tried(*arguments: Any, **fixtures: Any) -> None:
        for _ in range(2):
            with suppress(AssertionError):
                return await test(*arguments, **fixtures)
        return await test(*arguments, **fixtures)

    return tried


class Lag:
    """What the watch has seen so far."""

    longest = 0.0
    """Seconds of the longest stop."""


@asynccontextmanager
async def loop_watched() -> AsyncIterator[Lag]:
    """Watch the running event loop until the block ends; a stop is known once it is over.

    The clock alone would count what other processes take from a busy machine. The CPU time of the
    loop's thread would miss a stop by another thread that keeps Python's lock, as a tokenizer may,
    and a call that blocks. So a stop is what the clock says, less the longest time that one of the
    process's threads waited for a CPU meanwhile: the loop's, or that of whoever kept the lock. On a
    machine with fewer cores than busy threads that is somewhat too much, so give bounds some room.
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
        begun, before = time.perf_counter(), _waited()
        await asyncio.sleep(_TICK)
        late = time.perf_counter() - begun - _TICK
        starved = max((ns - before.get(name, 0) for name, ns in _waited().items()), default=0)
        lag.longest = max(lag.longest, late - starved / 1e9)


def _waited() -> dict[str, int]:
    """Return how many nanoseconds each thread has waited for a CPU; nothing but on Linux."""
    found = {}
    for thread in _THREADS.glob("*/schedstat"):
        with suppress(OSError):  # the thread has ended
            found[thread.parent.name] = int(thread.read_text().split()[1])
    return found
