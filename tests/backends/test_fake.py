"""The fake engine's faults, each as it is configured."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from backends.base import Finish, Generation, Sampling
from backends.config import FakeOptions
from backends.failures import EngineDead
from backends.fake import FakeChat
from backends.fake_script import digest

SECOND_FAILS = 10
"""A seed with which, at a rate of a half, of three requests only the second fails."""


def engine(**options: Any) -> FakeChat:
    """Return a fake engine with *options*."""
    return FakeChat(FakeOptions(**options))


async def answer(chat: FakeChat, prompt: str = "one two three") -> int:
    """Return how many words *chat* answers to *prompt*."""
    async with aclosing(chat.generate(Generation(prompt=prompt, sampling=Sampling()))) as items:
        (words,) = [item.completion_tokens async for item in items if isinstance(item, Finish)]
        return words


async def outcome(chat: FakeChat) -> bool:
    """Return whether *chat* answers."""
    try:
        await answer(chat)
    except EngineDead:
        return False
    return True


async def test_the_first_requests_fail() -> None:
    """The first N requests fail, the next ones are answered."""
    chat = engine(fail_first=2, fail_after=1, retry_after=3)

    with pytest.raises(EngineDead) as failure:
        await answer(chat)

    assert failure.value.retry_after == 3
    assert [await outcome(chat) for _ in range(3)] == [False, True, True]


async def test_a_share_fails() -> None:
    """With the same seed the same requests fail, about as many as the rate says."""
    chats = [engine(fail_rate=0.3, seed=seed) for seed in (1, 1, 2)]

    first, second, other = [[await outcome(chat) for _ in range(200)] for chat in chats]

    assert first == second != other
    assert 0.2 < first.count(False) / 200 < 0.4


async def test_an_engine_that_comes_back() -> None:
    """After a failure the engine is dead, requests that run included, and works again later."""
    chat = engine(fail_rate=0.5, seed=SECOND_FAILS, down_seconds=10, seconds_per_item=0.01)
    chat._clock = lambda: 100
    running = asyncio.create_task(outcome(chat))
    await asyncio.sleep(0)

    assert not await outcome(chat)
    assert not await running
    assert not await chat.ready()
    chat._clock = lambda: 110
    assert await chat.ready()
    assert await outcome(chat)


async def test_a_stall() -> None:
    """The engine pauses once in each answer."""
    loop = asyncio.get_running_loop()
    begun = loop.time()

    assert await answer(engine(stall_after=1, stall_seconds=0.1)) == 3

    assert 0.1 <= loop.time() - begun < 0.2


async def test_the_log_of_computations(tmp_path: Path) -> None:
    """Each computation has a line for its begin, and one for its end, or for its abortion."""
    file = tmp_path / "log"
    chat = engine(fail_first=1, fail_after=1, log_file=str(file))

    assert [await outcome(chat), await answer(chat, "four")] == [False, 1]
    five_six = Generation(prompt="five six", sampling=Sampling())
    async with aclosing(chat.generate(five_six)) as left:
        await anext(left)

    three, four, five = digest(b"one two three"), digest(b"four"), digest(b"five six")
    assert file.read_text() == (
        f"begin {three}\nbegin {four}\nend {four}\nbegin {five}\nleft {five}\n"
    )
