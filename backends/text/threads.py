"""Threads that render, tokenize and decode the texts of one model."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_SHORT = 1000
"""Characters or tokens of the largest job that runs on the event loop: it takes 0.1 to 0.5 ms, and
handing it to a thread takes 0.08 ms."""


class TextThreads:
    """Runs at most two jobs at once, as each may take some 200 MB; the others wait in order."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    @classmethod
    @contextmanager
    def opened(cls, name: str) -> Iterator["TextThreads"]:
        """Yield threads for the model *name*; drop jobs that still wait when the block ends."""
        pool = ThreadPoolExecutor(2, thread_name_prefix=f"{name}-text")
        try:
            yield cls(pool)
        finally:
            pool.shutdown(cancel_futures=True)

    async def run(self, job: Callable[[], T], *, size: int) -> T:
        """Run *job*; return what it returns, or raise what it raises.

        *size* is the number of characters or tokens with which the job's time grows. A job of at
        most 1,000 runs at once, on the event loop. A job that is cancelled while it waits does not
        run.
        """
        if size <= _SHORT:
            return job()
        return await asyncio.get_running_loop().run_in_executor(self._pool, job)
