"""A recording costs nothing more once its client has left."""

import asyncio
import io
import threading
from collections import Counter
from collections.abc import AsyncIterator

import numpy as np
import pytest

from backends.base import Batch, Job, SpeechBackend
from backends.config import WhisperModelConfig, WhisperOptions
from backends.registry import adapter
from tests.backends.recordings import transcript
from tests.client.recordings import RATE, encoded, speech
from tests.live import BUILTIN, CLIPS

SURE = Job(language="en", options={"temperatures": (0.0,)})
WINDOWS = 10


class Calls(Counter[str]):
    """Counts the requests in the engine's calls, by the name of the call."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def __call__(self, _model: str, batch: Batch) -> None:
        """Count a batch."""
        self[batch.call] += batch.size
        self.begun.set()


def long() -> io.BytesIO:
    """Return a recording of ten windows."""
    clips = [speech(clip) for clip in sorted(CLIPS.glob("en-*.flac"))]
    samples = np.resize(np.concatenate(clips), WINDOWS * 29 * RATE)
    return io.BytesIO(encoded(samples, "wav"))


@pytest.fixture
def calls() -> Calls:
    """Return a new counter."""
    return Calls()


@pytest.fixture
async def backend(calls: Calls) -> AsyncIterator[SpeechBackend]:
    """Open the built-in model, one recording at a time."""
    options = WhisperOptions(device="cpu", compute_type="int8", cpu_threads=1)
    config = WhisperModelConfig(
        id="w", source=str(BUILTIN / "speech"), max_running=1, options=options
    )
    async with adapter(config, calls) as opened:
        assert isinstance(opened, SpeechBackend)
        yield opened


async def test_no_further_window_is_computed(backend: SpeechBackend, calls: Calls) -> None:
    """Closing after the first segment skips the other windows of ten."""
    items = transcript(backend, long(), SURE)
    await anext(items)
    await anext(items)

    await items.aclose()

    await short(backend)
    assert calls["encode"] == 2


async def test_leaving_in_the_middle_of_a_window(backend: SpeechBackend, calls: Calls) -> None:
    """A cancelled task ends with the call that the engine is running, and frees its thread."""
    task = asyncio.create_task(collected(backend))
    assert await asyncio.to_thread(calls.begun.wait, 60)

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    await short(backend)
    assert calls["encode"] <= 3


async def collected(backend: SpeechBackend) -> None:
    """Transcribe the long recording to its end."""
    async for _ in transcript(backend, long(), SURE):
        pass


async def short(backend: SpeechBackend) -> None:
    """Transcribe a short recording, which needs the model's only thread."""
    clip = min(CLIPS.glob("en-*.flac"), key=lambda clip: clip.stat().st_size)
    with clip.open("rb") as audio:
        assert [item async for item in transcript(backend, audio, SURE)]
