"""Threads in which one model's texts are rendered, tokenized and decoded."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_SHORT = 1000
"""Characters or tokens that are not worth a thread: they take 0.1 to 0.5 ms, the way there 0.08."""


class TextThreads:
    """Runs two jobs at once, since each may take some 200 MB; the others wait in order."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    @classmethod
    @contextmanager
    def opened(cls, name: str) -> Iterator["TextThreads"]:
        """Start with no thread; *name* is the model's. In the end drop the jobs that still wait."""
        pool = ThreadPoolExecutor(2, thread_name_prefix=f"{name}-text")
        try:
            yield cls(pool)
        finally:
            pool.shutdown(cancel_futures=True)

    async def run(self, job: Callable[[], T], *, size: int) -> T:
        """Return what *job* returns, or raise what it raises.

        *size* is what the job's time grows with, in characters or tokens: up to 1,000 it runs at
        once, on the event loop. A cancelled job that still waits never runs.
        """
        if size <= _SHORT:
            return job()
        return await asyncio.get_running_loop().run_in_executor(self._pool, job)
