"""Random faults under recordings and chats in flight together: what is answered is right."""

import asyncio
import io
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backends import supervisor
from backends.base import Job
from backends.config import Ct2ModelConfig, Ct2Options, WhisperModelConfig, WhisperOptions
from backends.failures import EngineDead
from backends.registry import adapter
from tests.backends.faults import LAUNCH_FAILURE, OUT_OF_MEMORY, Faults, faults, until_ready
from tests.backends.recordings import clips, transcript
from tests.backends.test_contract import answer, generation, text
from tests.live import BUILTIN

__all__ = ["faults"]

FAULTY_CALLS = 0.06
"""Share of the calls of the engines that fail."""
REQUESTS = 100
"""To each of the two models."""
IN_FLIGHT = 24

RAISED: tuple[BaseException, ...] = (
    RuntimeError("unforeseen"),
    RuntimeError(OUT_OF_MEMORY),
    RuntimeError(LAUNCH_FAILURE),
    SystemExit("of a worker thread"),
)

SPEECH = WhisperModelConfig(
    id="speech",
    source=str(BUILTIN / "speech"),
    max_restarts=1000,
    options=WhisperOptions(device="cpu", compute_type="int8", cpu_threads=1, num_workers=2),
)
CHAT = Ct2ModelConfig(
    id="chat",
    source=str(BUILTIN / "chat"),
    max_restarts=1000,
    options=Ct2Options(intra_threads=1, inter_threads=2),
)
JOB = Job(language="en", options={"temperatures": (0.0,), "vad_filter": False})


class Opened:
    """Both models."""

    def __init__(self, speech: Any, chat: Any) -> None:
        self.speech = speech
        self.chat = chat

    async def answer(self, model: str, number: int) -> Any:
        """Return the segments of a clip, or the text of a chat."""
        if model == "speech":
            audio = io.BytesIO(clips()[number].read_bytes())
            return [item async for item in transcript(self.speech, audio, JOB)]
        request = generation(f"Repeat the number {number}.", max_tokens=24)
        return text(await answer(self.chat, request))

    async def answer_in_the_end(self, model: str, number: int) -> Any:
        """Send it again after each EngineDead; it is answered or fails within a minute."""
        while True:
            try:
                return await asyncio.wait_for(self.answer(model, number), 60)
            except EngineDead:
                await until_ready(getattr(self, model))


@asynccontextmanager
async def opening(restarts: "Counter[str]") -> AsyncGenerator[Opened, None]:
    """Open both models, and count their restarts."""
    count = lambda model: restarts.update([model])  # noqa: E731
    async with (
        adapter(SPEECH, on_restart=count) as speech,
        adapter(CHAT, on_restart=count) as chat,
    ):
        yield Opened(speech, chat)


@pytest.mark.slow
async def test_every_answer_is_right(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request waits for ever, and those that are sent again get the same answers as alone."""
    monkeypatch.setattr(supervisor, "_LONGEST_DELAY", 0.05)
    draw, raised, restarts = random.Random(1), Counter[str](), Counter[str]()  # noqa: S311
    sent = [(model, n % 12) for n in range(REQUESTS) for model in ("speech", "chat")]
    slots = asyncio.Semaphore(IN_FLIGHT)

    def before(_name: str, _args: Any, _options: Any) -> None:
        if draw.random() < FAULTY_CALLS:
            error = draw.choice(RAISED)
            raised[str(error)] += 1
            raise type(error)(*error.args)

    async with opening(restarts) as opened:
        alone = {one: await opened.answer(*one) for one in sent[:24]}

        async def one(model: str, number: int) -> bool:
            async with slots:
                return bool(await opened.answer_in_the_end(model, number) == alone[model, number])

        faults.before = before
        right = await asyncio.gather(*(one(*each) for each in sent))

        assert right == [True] * len(sent)
        assert len(raised) == len(RAISED)
        assert restarts.total() > 0
