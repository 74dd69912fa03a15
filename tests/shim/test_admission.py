"""Admission: who runs, who waits, who is refused, and how a slot comes free."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from shim.admission import Admission
from shim.errors import QueueFull


async def words(*, log: list[str] | None = None) -> AsyncGenerator[str, None]:
    """Say two words, and note in *log* when closed."""
    try:
        yield "one"
        yield "two"
    finally:
        if log is not None:
            log.append("closed")


async def failing() -> AsyncGenerator[str, None]:
    """Say a word and fail."""
    yield "one"
    raise ValueError("broken")


async def test_items_pass_through() -> None:
    """What is admitted passes unchanged, and its slot is free afterwards."""
    admission = Admission(max_running=1, max_waiting=0)

    for _ in range(3):
        assert [word async for word in admission.admit(words())] == ["one", "two"]


async def test_a_full_queue_refuses() -> None:
    """With every slot taken and nobody allowed to wait, the next request is refused at once."""
    admission = Admission(max_running=1, max_waiting=0)
    first = admission.admit(words())
    await anext(first)

    with pytest.raises(QueueFull, match="0 requests are already waiting"):
        await anext(admission.admit(words()))

    await first.aclose()


async def test_waiting_in_order() -> None:
    """Those who wait are admitted first come, first served."""
    admission = Admission(max_running=1, max_waiting=2)
    running = admission.admit(words())
    await anext(running)
    served: list[int] = []

    async def wait(number: int) -> None:
        served.extend([number async for _ in admission.admit(words())])

    async with asyncio.TaskGroup() as group:
        for number in (1, 2):
            group.create_task(wait(number))
        await running.aclose()

    assert served == [1, 1, 2, 2]


async def test_the_queue_is_bounded() -> None:
    """Only so many wait; one who gives up makes room for another."""
    admission = Admission(max_running=1, max_waiting=1)
    running = admission.admit(words())
    await anext(running)
    waiting = asyncio.ensure_future(anext(admission.admit(words())))
    await asyncio.sleep(0)  # it takes its place in the queue
    with pytest.raises(QueueFull):
        await anext(admission.admit(words()))

    waiting.cancel()
    await asyncio.wait([waiting])

    next_one = asyncio.ensure_future(anext(admission.admit(words())))
    await running.aclose()
    assert await next_one == "one"


async def test_leaving_early_frees_the_slot() -> None:
    """A client that disconnects mid-stream does not keep its slot, and the engine is told."""
    admission = Admission(max_running=1, max_waiting=0)
    log: list[str] = []
    first = admission.admit(words(log=log))
    await anext(first)

    await first.aclose()

    assert log == ["closed"]
    assert await anext(admission.admit(words())) == "one"


async def test_a_failure_frees_the_slot() -> None:
    """An engine that fails does not keep its slot."""
    admission = Admission(max_running=1, max_waiting=0)

    with pytest.raises(ValueError, match="broken"):
        _ = [word async for word in admission.admit(failing())]

    assert await anext(admission.admit(words())) == "one"


async def test_giving_up_while_waiting_takes_nothing() -> None:
    """A request that is cancelled in the queue never starts its engine nor takes a slot."""
    admission = Admission(max_running=1, max_waiting=1)
    running = admission.admit(words())
    await anext(running)
    log: list[str] = []
    waiting = asyncio.ensure_future(anext(admission.admit(words(log=log))))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait([waiting])
    await running.aclose()

    assert log == []
    assert await anext(admission.admit(words())) == "one"


async def test_several_slots() -> None:
    """As many run at once as there are slots."""
    admission = Admission(max_running=2, max_waiting=0)
    running = [admission.admit(words()) for _ in range(2)]
    assert [await anext(one) for one in running] == ["one", "one"]

    with pytest.raises(QueueFull):
        await anext(admission.admit(words()))

    for one in running:
        await one.aclose()
