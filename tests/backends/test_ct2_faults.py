"""Faults under real chats of CTranslate2: a bad prompt, a device that is lost in mid-answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from backends.base import Batch, Generated, Sampling, TextDelta
from backends.config import Ct2ModelConfig, Ct2Options
from backends.failures import EngineDead
from backends.registry import adapter
from tests.backends.faults import LAUNCH_FAILURE, Faults, faults, until_ready
from tests.backends.test_contract import Generation, answer, generation
from tests.live import BUILTIN

__all__ = ["faults"]

POISON = 99


class Opened:
    """The built-in model, its calls, and its restarts."""

    def __init__(self) -> None:
        self.backend: Any = None
        self.batches: list[Batch] = []
        self.restarts: list[str] = []


@asynccontextmanager
async def opening() -> AsyncGenerator[Opened, None]:
    """Open the model."""
    opened = Opened()
    config = Ct2ModelConfig(
        id="chat", source=str(BUILTIN / "chat"), options=Ct2Options(intra_threads=1)
    )
    context = adapter(
        config,
        lambda _, batch: opened.batches.append(batch),
        on_restart=opened.restarts.append,
    )
    async with context as opened.backend:
        yield opened


def prompt(number: int) -> Generation:
    """Return a request whose prompt has a token of its own."""
    tokens = (*range(50, 90), number)
    return Generation(prompt=tokens, sampling=Sampling(max_tokens=8, temperature=0.0))


async def test_a_poisoned_prompt(faults: Faults) -> None:
    """Of 16 prompts in flight only the one that the engine cannot take fails."""
    numbers = [*range(84, 99), POISON]
    async with opening() as opened:
        alone = [await answer(opened.backend, prompt(n)) for n in numbers]
        (poison,) = opened.backend._template.tokens([POISON])

        def before(name: str, args: tuple[Any, ...], _options: Any) -> None:
            if name == "generate_batch" and any(tokens[-1] == poison for tokens in args[0]):
                raise RuntimeError("an unforeseen token")

        faults.before = before
        answers = (answer(opened.backend, prompt(n)) for n in numbers)
        *found, bad = await asyncio.gather(*answers, return_exceptions=True)

        assert found == alone[:-1]
        assert isinstance(bad, EngineDead)
        assert "an unforeseen token" in str(bad.__cause__)
        assert max(batch.size for batch in opened.batches if batch.failed) > 1
        assert not opened.restarts


async def test_a_device_that_is_lost_in_mid_answer(faults: Faults) -> None:
    """The streams that have begun end with EngineDead, those that wait too; then all is well."""

    def before(name: str, _args: Any, options: dict[str, Any]) -> None:
        if name == "generate_batch":
            take = options["callback"]
            options["callback"] = lambda step: lose() if step.step == 5 else take(step)

    def lose() -> None:
        faults.before = lambda _name, _args, _options: None
        raise RuntimeError(LAUNCH_FAILURE)

    async def stream(items: list[Generated]) -> None:
        async for item in opened.backend.generate(generation("Count to ten")):
            items.append(item)  # noqa: PERF401 - an extension would lose them at the error

    async with opening() as opened:
        alone = await answer(opened.backend, generation("Count to ten"))
        faults.before = before
        streams: list[list[Generated]] = [[] for _ in range(4)]

        ends = await asyncio.gather(*map(stream, streams), return_exceptions=True)

        assert [type(end) for end in ends] == [EngineDead] * 4
        assert any(isinstance(item, TextDelta) for items in streams for item in items)
        await until_ready(opened.backend)
        assert await answer(opened.backend, generation("Count to ten")) == alone
        assert opened.restarts == ["chat"]
