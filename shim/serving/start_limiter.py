"""Spreads the starts of many requests over turns of the event loop."""

import asyncio
import time
from collections import deque

_START_SECONDS = 0.004
"""Seconds, from the first start in a turn of the event loop, in which more requests may start."""

_STARTS_PER_TURN = 4
"""Most delayed requests that start in one turn of the event loop."""


class StartLimiter:
    """Limits how many requests start in one turn of the event loop.

    Starting a request occupies the loop for about a millisecond in vLLM's renderer. If hundreds got
    their slots at the same moment and all started at once, nobody else would be served meanwhile.
    """

    def __init__(self) -> None:
        self._deadline: float | None = None
        """Until when requests may start in this turn (`time.monotonic`); None before the first."""
        self._delayed: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Return at once if this turn has time for one more start; else in a later turn, in order.

        A request that was delayed may start after one that came later.
        """
        now = time.monotonic()
        loop = asyncio.get_running_loop()
        if self._deadline is None:
            self._deadline = now + _START_SECONDS
            loop.call_soon(self._next_turn)
        elif now > self._deadline:
            start = loop.create_future()
            self._delayed.append(start)
            await start

    def _next_turn(self) -> None:
        self._deadline = None
        if not self._delayed:
            return
        self._deadline = time.monotonic() + _START_SECONDS
        asyncio.get_running_loop().call_soon(self._next_turn)
        for _ in range(min(_STARTS_PER_TURN, len(self._delayed))):
            start = self._delayed.popleft()
            if not start.done():  # else its request was cancelled
                start.set_result(None)
