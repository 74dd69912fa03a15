"""Long recordings wait for memory: all are answered, and a client that leaves frees its place."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backends.audio.memory import AudioMemory
from backends.base import Segment, SpeechBackend
from backends.config import WhisperModelConfig, WhisperOptions
from backends.registry import adapter
from tests.backends.audio.test_memory import until
from tests.backends.recordings import transcript
from tests.backends.whisper.test_leaving import SURE, long, short
from tests.live import BUILTIN

ROOM_FOR_ONE = 16 << 20
"""Of the recordings of ten windows, which take 9.3 MB each."""


@pytest.fixture
def memory() -> AudioMemory:
    """Return a memory with room for one long recording."""
    return AudioMemory(ROOM_FOR_ONE)


@pytest.fixture
async def backend(memory: AudioMemory) -> AsyncIterator[SpeechBackend]:
    """Open the built-in model, three recordings at a time."""
    options = WhisperOptions(device="cpu", compute_type="int8", cpu_threads=1)
    config = WhisperModelConfig(
        id="w", source=str(BUILTIN / "speech"), max_running=3, options=options
    )
    async with adapter(config, memory=memory) as opened:
        assert isinstance(opened, SpeechBackend)
        yield opened


async def text(backend: SpeechBackend) -> str:
    """Return the text of the long recording."""
    items = [item async for item in transcript(backend, long(), SURE)]
    return "".join(item.text for item in items if isinstance(item, Segment))


async def until_waiting(memory: AudioMemory, count: int) -> None:
    """Return once *count* long recordings wait."""
    await asyncio.to_thread(until, memory, lambda: len(memory.long.waiting) == count)


async def until_free(memory: AudioMemory) -> None:
    """Return once all memory is free: a thread's last step may end after its recording."""
    await asyncio.to_thread(until, memory, lambda: memory.long.free == memory.long.size)


async def test_those_that_wait_are_answered(memory: AudioMemory, backend: SpeechBackend) -> None:
    """Three long recordings with room for one have the same text, and free all memory."""
    texts = await asyncio.gather(*(text(backend) for _ in range(3)))

    assert texts[0]
    assert len(set(texts)) == 1
    await until_free(memory)


async def test_a_short_one_does_not_wait(memory: AudioMemory, backend: SpeechBackend) -> None:
    """A short recording is answered while a long one waits for another."""
    first = transcript(backend, long(), SURE)
    await anext(first)
    second = asyncio.create_task(text(backend))
    await until_waiting(memory, 1)

    await short(backend)

    assert not second.done()
    await first.aclose()
    assert await second


async def test_leaving_while_it_waits(memory: AudioMemory, backend: SpeechBackend) -> None:
    """A client that leaves frees the thread in which its recording waits."""
    first = transcript(backend, long(), SURE)
    await anext(first)
    waiting = [asyncio.create_task(text(backend)) for _ in range(2)]
    await until_waiting(memory, 2)

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    await until_waiting(memory, 0)
    await short(backend)
    await first.aclose()
    assert await text(backend)
    await until_free(memory)
