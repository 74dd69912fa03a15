"""Closing a generator frees the engine."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from tests.backends.vllm.dialogue import endless

if TYPE_CHECKING:
    from backends.vllm.chat import VllmChat


async def all_blocks_are_free(backend: "VllmChat") -> None:
    """Wait until no request holds a block of the cache: only then can the engine reset it."""
    assert backend._engine is not None
    async with asyncio.timeout(60):
        # The engine has no event for it; each question is a round trip to its process.
        while not await backend._engine.reset_prefix_cache():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_closing_aborts_in_the_engine(backend: "VllmChat") -> None:
    """After a client has gone, nothing of its request is left, neither here nor in the engine."""
    async with aclosing(backend.generate(endless(n=2, temperature=1.0))) as items:
        await anext(items)
        assert not await backend._engine.reset_prefix_cache()

    await all_blocks_are_free(backend)

    assert backend._engine.get_num_unfinished_requests() == 0


async def test_cancelling_aborts_in_the_engine(backend: "VllmChat") -> None:
    """A task that is cancelled while it waits for the next piece frees the engine too."""
    started = asyncio.Event()

    async def read() -> None:
        async for _ in backend.generate(endless()):
            started.set()

    reader = asyncio.create_task(read())
    await started.wait()
    reader.cancel()
    await asyncio.wait([reader])

    await all_blocks_are_free(backend)

    assert reader.cancelled()
    assert backend._engine.get_num_unfinished_requests() == 0
