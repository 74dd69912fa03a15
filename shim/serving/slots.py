"""Hands out the slots of one model: to requests of clients first, then to lines of batches."""

import asyncio
from collections import deque
from contextlib import suppress

_Waiters = deque[asyncio.Future[None]]


class Slots:
    """A number of slots and two queues for them.

    A slot that becomes free is handed over at once: to the first client that waits or, if no client
    does, to the first line of a batch. So no slot is free while anybody waits, and nobody who comes
    later takes it.
    """

    def __init__(self, count: int) -> None:
        """All *count* slots are free."""
        self._count = count
        self._free = count
        """Below 0 while more are taken than there are, after `resize`."""
        self._clients: _Waiters = deque()
        self._lines: _Waiters = deque()

    @property
    def all_taken(self) -> bool:
        """Whether the next request has to wait."""
        return self._free <= 0

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

    def resize(self, count: int) -> None:
        """Let there be *count* slots. Where fewer are to be, those that run end first."""
        added = count - self._count
        self._count = count
        if added < 0:
            self._free += added
        for _ in range(added):
            self.release()

    def release(self) -> None:
        """Hand a slot to the next one that waits, or keep it free."""
        if self._free < 0:
            self._free += 1
            return
        for waiters in (self._clients, self._lines):
            while waiters:
                handed = waiters.popleft()
                if not handed.done():
                    handed.set_result(None)
                    return
        self._free += 1
