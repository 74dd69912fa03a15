"""An engine that dies: what its requests see, and that another takes its place."""

import asyncio
import logging
import re
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from backends.base import ChatBackend, Generated
from backends.config import VllmModelConfig
from backends.failures import EngineDead
from backends.registry import adapter
from tests.backends.vllm.dialogue import ask, endless
from tests.live import MODELS

pytestmark = pytest.mark.usefixtures("requires_vllm")

SOURCE = MODELS / "chat-hf"
QUICK: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_num_seqs": 4,
    "max_model_len": 2048,
    "kv_cache_memory_bytes": 1 << 26,
}


def family() -> dict[psutil.Process, str]:
    """Return the command lines of all living processes of this one, but for resource trackers."""
    commands = {}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has just ended, or nobody has waited for it yet
            commands[process] = " ".join(process.cmdline())
    return {p: command for p, command in commands.items() if "resource_tracker" not in command}


class Patient:
    """An opened backend, and the processes of its engine."""

    def __init__(self, backend: ChatBackend, processes: dict[psutil.Process, str]) -> None:
        self.backend = backend
        self.processes = set(processes)
        self.engine = {p for p, command in processes.items() if "children.py" not in command}
        """Without the reaper."""
        (self._core,) = (p for p, command in processes.items() if "EngineCore" in command)

    def kill(self) -> None:
        """End its engine core as the kernel does where there is no memory left."""
        self._core.kill()


@asynccontextmanager
async def opened(source: Path, *, max_restarts: int) -> AsyncIterator[Patient]:
    """Open the model at *source*, beside whatever other tests have open."""
    others = family()
    config = VllmModelConfig(id="t", source=str(source), options=QUICK, max_restarts=max_restarts)
    async with adapter(config) as backend:
        started = {p: command for p, command in family().items() if p not in others}
        yield Patient(backend, started)


async def in_mid_answer(backend: ChatBackend) -> AsyncGenerator[Generated, None]:
    """Return an answer that has begun."""
    items = backend.generate(endless())
    await anext(items)
    return items


async def until(backend: ChatBackend, *, ready: bool) -> float:
    """Wait for it, and return the longest time in seconds that the event loop was blocked."""
    longest, last = 0.0, time.monotonic()
    while await backend.ready() is not ready:
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest


# `tests/client/test_dying_engine.py` kills one under a live server.
@pytest.mark.slow
async def test_a_dead_engine_is_restarted(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """EngineDead for every running request, and for others until another engine takes its place.

    Nothing is left of the first, and nobody else has to wait. The steps of a start are logged, by
    this process and by the engine's own.
    """
    caplog.set_level(logging.INFO, "backends")
    async with opened(SOURCE, max_restarts=1) as patient:
        assert_start_logged(caplog.text, capfd.readouterr().err)
        before = await ask(patient.backend, "What is 3 plus 4?")
        answers = [await in_mid_answer(patient.backend) for _ in range(2)]

        patient.kill()

        for answer in answers:
            with pytest.raises(EngineDead, match="died while it answered"):
                async for _ in answer:
                    pass
        await until(patient.backend, ready=False)
        with pytest.raises(EngineDead, match="not running"):
            await ask(patient.backend, "Hi")
        with pytest.raises(EngineDead, match="not running"):
            await patient.backend.tokenize("Hi")

        begin = time.monotonic()
        blocked = await until(patient.backend, ready=True)
        took = time.monotonic() - begin

        assert await ask(patient.backend, "What is 3 plus 4?") == before
        assert blocked < took / 3, "a start of 15 s blocks the loop for some hundredths of a second"
        assert not any(process.is_running() for process in patient.engine)

    assert not await patient.backend.ready()
    _, alive = psutil.wait_procs(patient.processes, timeout=15)
    assert not alive


def assert_start_logged(ours: str, engines: str) -> None:
    """Compare the steps of a start with the log of this process, and what the engine's printed."""
    assert re.search(r"t: configured in .+\n(.*\n)*.* t: ready after", ours)
    steps = ["is up", "loading weights", "weights read", "the cache holds", "warmed up in"]
    lines = [line for line in engines.splitlines() if " backends.vllm.process t: " in line]
    assert [step for line in lines for step in steps if step in line] == steps


# `../test_supervisor.py` counts restarts without an engine.
@pytest.mark.slow
async def test_an_engine_that_cannot_be_restarted_stays_dead(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After so many tries in a row it is given up, and the log says so."""
    source = tmp_path / "model"
    shutil.copytree(SOURCE, source)
    async with opened(source, max_restarts=2) as patient:
        shutil.rmtree(source)
        patient.kill()

        async with asyncio.timeout(60):
            while "for good" not in caplog.text:  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.05)

        assert not await patient.backend.ready()
        messages = [r.getMessage() for r in caplog.records if r.name == "backends.supervisor"]
        assert messages[:1] == ["t: the engine is dead: restart 1 of at most 2 in 1 s"]
