"""The pipeline: all items arrive, a failure ends it, closing it closes every stream."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from shim.serving.pipeline import collected, merged, primed


class Source:
    """Makes streams of numbers; counts how many were closed, and how many endless ones started."""

    def __init__(self) -> None:
        self.started = 0
        self.closed = 0

    async def numbers(self, *numbers: int, fail: bool = False) -> AsyncGenerator[int, None]:
        """Yield *numbers*, then end or fail."""
        try:
            for number in numbers:
                yield number
            if fail:
                raise LookupError("no more")
        finally:
            self.closed += 1

    async def endless(self) -> AsyncGenerator[int, None]:
        """Yield zeros for ever."""
        self.started += 1
        try:
            while True:
                yield 0
                await asyncio.sleep(0)
        finally:
            self.closed += 1


@pytest.mark.parametrize("numbers", [(), (1,), (1, 2, 3)])
async def test_primed_passes_everything_on(numbers: tuple[int, ...]) -> None:
    """The first item is awaited and not lost."""
    items = await primed(Source().numbers(*numbers))

    assert tuple([number async for number in items]) == numbers


async def test_an_early_failure_is_raised() -> None:
    """A failure before the first item is raised at once, so that it keeps its HTTP status."""
    source = Source()

    with pytest.raises(LookupError):
        await primed(source.numbers(fail=True))

    assert source.closed == 1


async def test_a_late_failure_is_not_raised_early() -> None:
    """A failure after the first item is raised where it happens."""
    items = await primed(Source().numbers(1, fail=True))
    assert await anext(items) == 1

    with pytest.raises(LookupError):
        await anext(items)


async def test_all_is_collected() -> None:
    """All items are returned in order."""
    assert await collected(Source().numbers(1, 2, 3)) == [1, 2, 3]


async def test_cancelling_a_collection_closes_the_stream() -> None:
    """A cancelled collection closes its stream, which aborts the engine."""
    source = Source()
    collecting = asyncio.create_task(collected(source.endless()))
    while not source.started:  # noqa: ASYNC110
        await asyncio.sleep(0)

    collecting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await collecting
    assert source.closed == 1


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_all_items_arrive_in_order(count: int) -> None:
    """No item is lost, and the items of one stream stay in order."""
    source = Source()

    pairs = [item async for item in merged([source.numbers(1, 2, 3) for _ in range(count)])]

    assert len(pairs) == 3 * count
    for index in range(count):
        assert [number for stream, number in pairs if stream == index] == [1, 2, 3]
    assert source.closed == count


@pytest.mark.parametrize("count", [0, 3])
async def test_a_failure_ends_all(count: int) -> None:
    """The failure itself is raised, not a group of them; the other streams are closed."""
    source = Source()
    streams = [source.numbers(1, fail=True), *(source.endless() for _ in range(count))]

    with pytest.raises(LookupError, match="no more"):
        async for _ in merged(streams):
            pass

    assert source.closed == 1 + count


@pytest.mark.parametrize("count", [1, 4])
async def test_closing_early_closes_all(count: int) -> None:
    """Closing early closes every stream."""
    source = Source()
    items = merged([source.endless() for _ in range(count)])
    await anext(items)

    await items.aclose()

    assert source.closed == count
