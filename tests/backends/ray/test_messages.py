"""Batches of items on their way from a replica to the server; Ray is not needed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from backends.failures import EngineDead, PromptTooLong
from backends.ray.messages import Failure, batched, whole

NEVER = 3600.0


async def numbers(count: int, gate: asyncio.Event | None = None) -> AsyncGenerator[int, None]:
    """Yield 0, then the other numbers once *gate* is set."""
    yield 0
    if gate is not None:
        await gate.wait()
    for number in range(1, count):
        yield number


async def test_the_first_item_is_not_delayed() -> None:
    """The first item comes alone and at once, all others together at the end."""
    gate = asyncio.Event()
    batches = batched(numbers(5, gate), "r", NEVER)

    first = await anext(batches)
    gate.set()

    assert first == [0]
    assert [batch async for batch in batches] == [[1, 2, 3, 4]]


async def test_the_interval_is_kept() -> None:
    """Within an interval items wait; when it is over they are sent together."""
    gate, held = asyncio.Event(), asyncio.Event()

    async def items() -> AsyncGenerator[int, None]:
        yield 0
        await gate.wait()
        yield 1
        yield 2
        await held.wait()

    async with aclosing(batched(items(), "r", 0.2)) as batches:
        await anext(batches)
        begin = asyncio.get_running_loop().time()
        gate.set()

        assert await anext(batches) == [1, 2]
        assert asyncio.get_running_loop().time() - begin > 0.15


async def test_without_an_interval_nothing_waits() -> None:
    """With an interval of 0 each item is sent as it comes."""
    gate = asyncio.Event()
    batches = batched(numbers(2, gate), "r", 0)

    assert await anext(batches) == [0]
    gate.set()

    assert await anext(batches) == [1]


async def test_a_failure_is_the_last_item() -> None:
    """An error of the seam comes after the items before it, with the replica's name."""

    async def failing() -> AsyncGenerator[int, None]:
        yield 0
        yield 1
        raise EngineDead("gone")

    items = [item async for batch in batched(failing(), "r1", NEVER) for item in batch]

    assert items[:2] == [0, 1]
    assert isinstance(items[2], Failure)
    assert isinstance(items[2].error, EngineDead)
    assert items[2].replica == "r1"


async def test_an_unforeseen_error_is_raised() -> None:
    """An error that the seam does not have is not sent as a value: it is a fault of the code."""

    async def failing() -> AsyncGenerator[int, None]:
        yield 0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _ = [batch async for batch in batched(failing(), "r", NEVER)]


async def test_closing_ends_the_engine_s_generator() -> None:
    """Whoever leaves after the first item ends the generator behind it, at once."""
    ended = asyncio.Event()

    async def endless() -> AsyncGenerator[int, None]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            ended.set()

    batches = batched(endless(), "r", NEVER)
    await anext(batches)

    await batches.aclose()

    assert ended.is_set()


async def test_cancelling_ends_the_engine_s_generator() -> None:
    """Ray Serve cancels a stream by an error at its next item: that ends the generator too."""
    ended = asyncio.Event()

    async def silent() -> AsyncGenerator[int, None]:
        try:
            await asyncio.Event().wait()
            yield 0
        finally:
            ended.set()

    waiting = asyncio.create_task(anext(batched(silent(), "r", NEVER)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])

    assert ended.is_set()


async def test_a_whole_answer() -> None:
    """A whole answer is one list, and what failed has its items before the failure."""

    async def failing() -> AsyncGenerator[int, None]:
        yield 0
        raise PromptTooLong("too long")

    assert await whole(numbers(3), "r") == [0, 1, 2]
    items = await whole(failing(), "r")
    assert items[0] == 0
    assert isinstance(items[1].error, PromptTooLong)
