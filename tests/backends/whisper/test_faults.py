"""Faults under real transcriptions: a bad recording, a lost device, a dead or a hanging thread."""

import asyncio
import io
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from backends.base import Batch, Job, Segment, SpeechBackend
from backends.config import WhisperModelConfig, WhisperOptions
from backends.failures import EngineDead
from backends.registry import adapter
from tests.backends.faults import LAUNCH_FAILURE, OUT_OF_MEMORY, Faults, faults, until, until_ready
from tests.backends.opener import Opener
from tests.backends.recordings import clips, transcript
from tests.backends.test_contract import answer, generation, text
from tests.live import BUILTIN

__all__ = ["faults"]

JOB = Job(language="en", options={"temperatures": (0.0,), "vad_filter": False})

Answer = list[Segment]


class Opened:
    """The built-in model, its calls, and its restarts."""

    def __init__(self) -> None:
        self.backend: Any = None
        self.batches: list[Batch] = []
        self.restarts: list[str] = []

    async def answer(self, clip: int) -> Answer:
        """Return the segments of one clip."""
        audio = io.BytesIO(clips()[clip].read_bytes())
        items = [item async for item in transcript(self.backend, audio, JOB)]
        return [item for item in items if isinstance(item, Segment)]

    async def together(self, count: int) -> list[Answer | BaseException]:
        """Return the answers to so many clips in flight at once, or their errors."""
        numbers = range(count)
        return await asyncio.gather(*(self.answer(n) for n in numbers), return_exceptions=True)


@asynccontextmanager
async def opening(**settings: Any) -> AsyncGenerator[Opened, None]:
    """Open the model with these settings."""
    opened = Opened()
    options = WhisperOptions(device="cpu", compute_type="int8", cpu_threads=1)
    config = WhisperModelConfig(
        id="speech", source=str(BUILTIN / "speech"), options=options, **settings
    )
    context = adapter(
        config,
        lambda _, batch: opened.batches.append(batch),
        on_restart=opened.restarts.append,
    )
    async with context as opened.backend:
        assert isinstance(opened.backend, SpeechBackend)
        yield opened


def queued(opened: Opened) -> int:
    """Return how many calls wait for the engine."""
    return len(opened.backend._engine.batcher._waiting)


async def test_a_poisoned_recording(faults: Faults, caplog: pytest.LogCaptureFixture) -> None:
    """Of 16 recordings in flight only the one that the engine cannot take fails.

    The other 15 have, bit for bit, their answers alone. The log has one line.
    """
    async with opening() as opened:
        alone = [await opened.answer(clip) for clip in range(16)]
        poison, held = [], threading.Event()

        def before(name: str, args: tuple[Any, ...], _options: Any) -> None:
            if name == "encode":
                assert held.wait(60)
            elif not poison:  # the first to be generated was the first to be encoded
                poison.append(np.array(args[0])[0])
            if name == "generate" and any((row == poison[0]).all() for row in np.array(args[0])):
                raise RuntimeError("an unforeseen number")

        faults.before = before
        together = asyncio.create_task(opened.together(16))
        await until(lambda: queued(opened) == 15)
        opened.batches.clear()
        held.set()
        found = await together

        (bad,) = (n for n, answer in enumerate(found) if isinstance(answer, BaseException))
        assert isinstance(found[bad], EngineDead)
        assert "an unforeseen number" in str(found[bad].__cause__)
        assert [*found[:bad], *found[bad + 1 :]] == [*alone[:bad], *alone[bad + 1 :]]
        assert [b.size for b in opened.batches if b.failed] == [8, 4, 2, 1]
        assert await opened.backend.ready()
        assert not opened.restarts
    (line,) = (r.getMessage() for r in caplog.records if r.name.startswith("backends"))
    assert "speech: a call of generate failed for 1 of 8 requests: RuntimeError" in line


async def test_too_little_memory_for_a_batch(faults: Faults) -> None:
    """What does not fit together is computed in smaller batches, and nobody notices."""

    def before(name: str, args: tuple[Any, ...], _options: Any) -> None:
        if name == "generate" and args[0].shape[0] > 1:
            raise RuntimeError(OUT_OF_MEMORY)

    async with opening() as opened:
        alone = [await opened.answer(clip) for clip in range(4)]
        faults.before = before
        found = await opened.together(4)

        assert found == alone
        assert any(batch.failed for batch in opened.batches)
        assert not opened.restarts


@pytest.mark.parametrize(
    "fault",
    [
        RuntimeError(LAUNCH_FAILURE),
        RuntimeError("cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED"),
        SystemExit("of a worker thread"),
    ],
)
async def test_a_lost_engine(faults: Faults, fault: BaseException, opener: Opener) -> None:
    """A lost device, or a dead thread: what runs fails, and others are refused for a while.

    Once the model is loaded again, its answers are right. Other models answer meanwhile.
    """
    other: Any = await opener.open("ct2")
    load = threading.Event()
    async with opening() as opened:
        alone = await opened.answer(0)
        faults.before_load = lambda: load.wait(60) and None
        faults.once(fault, "generate")

        lost = await opened.together(4)

        assert all(isinstance(error, EngineDead) for error in lost)
        assert not await opened.backend.ready()
        with pytest.raises(EngineDead, match="closed"):
            await opened.answer(0)
        assert text(await answer(other, generation()))
        load.set()
        await until_ready(opened.backend)
        assert await opened.together(1) == [alone]
        assert opened.restarts == ["speech"]


async def test_an_unknown_error_of_all_calls(faults: Faults) -> None:
    """An engine that fails for a reason that nobody knows is replaced if the self-test fails."""

    def broken(_name: str, _args: Any, _options: Any) -> None:
        raise RuntimeError("42")

    def mend() -> None:
        faults.before = lambda _name, _args, _options: None

    async with opening() as opened:
        alone = await opened.answer(0)
        faults.before, faults.before_load = broken, mend

        with pytest.raises(EngineDead, match="The engine failed"):
            await opened.answer(0)

        await until_ready(opened.backend)
        assert await opened.answer(0) == alone
        assert faults.loaded == 2


async def test_a_call_that_hangs(faults: Faults) -> None:
    """Its request fails after the limit, and another model answers; its thread is given up."""
    hung, goes_on = threading.Event(), threading.Event()

    def before(name: str, _args: Any, _options: Any) -> None:
        if name == "generate" and not hung.is_set():
            hung.set()
            goes_on.wait(60)

    async with opening() as opened:
        alone = await opened.answer(0)
        faults.before = before
        hanging = asyncio.create_task(opened.answer(0))
        assert await asyncio.to_thread(hung.wait, 60)
        opened.backend._max_stall_seconds = 0.05

        with pytest.raises(EngineDead, match=r"no progress for 0\.05 s"):
            await hanging

        opened.backend._max_stall_seconds = 1800.0
        await until_ready(opened.backend)
        assert await opened.answer(0) == alone
        goes_on.set()


async def test_an_engine_that_cannot_be_replaced(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    """After the last try the model stays dead, and the log says what may help."""

    def unloadable() -> None:
        raise RuntimeError(LAUNCH_FAILURE)

    async with opening(max_restarts=2) as opened:
        faults.before_load = unloadable
        faults.once(RuntimeError(LAUNCH_FAILURE), "encode")
        with pytest.raises(EngineDead, match="The engine failed"):
            await opened.answer(0)

        await until(lambda: "dead for good, after 2 restarts in a row" in caplog.text)

        assert len(opened.restarts) == 2
        assert not await opened.backend.ready()
