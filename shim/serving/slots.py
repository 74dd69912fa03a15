"""Hands out the slots of one model: to requests of clients first, then to lines of batches."""

import asyncio
from collections import deque
from contextlib import suppress

_Waiters = deque[asyncio.Future[None]]


class Slots:
    """A fixed number of slots and two queues for them.

    A slot that becomes free is handed over at once: to the first client that waits or, if no client
    does, to the first line of a batch. So no slot is free while anybody waits, and nobody who comes
    later takes it.
    """

    def __init__(self, count: int) -> None:
        """All *count* slots are free."""
        self._free = count
        self._clients: _Waiters = deque()
        self._lines: _Waiters = deque()

    @property
    def all_taken(self) -> bool:
        """Whether the next request has to wait."""
        return not self._free

    def take(self) -> None:
        """Take a slot; there must be a free one."""
        self._free -= 1

    async def wait(self, *, in_batch: bool) -> None:
        """Wait for a slot, and take it; *in_batch*: behind all clients."""
        waiters = self._lines if in_batch else self._clients
        handed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters.append(handed)
        try:
            await handed
        except asyncio.CancelledError:
            if handed.cancelled():
                with suppress(ValueError):  # `release` has removed it
                    waiters.remove(handed)
            else:  # it was cancelled just when it got the slot
                self.release()
            raise

    def release(self) -> None:
        """Hand a slot to the next one that waits, or keep it free."""
        for waiters in (self._clients, self._lines):
            while waiters:
                handed = waiters.popleft()
                if not handed.done():
                    handed.set_result(None)
                    return
        self._free += 1
