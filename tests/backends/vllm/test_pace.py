"""When a stream is woken, without an engine: vLLM's collector and its outputs are stand-ins."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from backends.vllm.pace import Outputs, Pace


class Collector:
    """What vLLM keeps for each request: outputs that nobody has taken are merged."""

    def __init__(self) -> None:
        self.output: Any = None

    def put(self, output: Any) -> None:
        """Keep *output*, after what is there."""
        if self.output is None or isinstance(output, Exception):
            self.output = output
            return
        text = self.output.text + output.text
        self.output = SimpleNamespace(text=text, finished=output.finished)

    def get_nowait(self) -> Any:
        """Hand over what is there, or raise it."""
        found, self.output = self.output, None
        if isinstance(found, Exception):
            raise found
        return found


def output(text: str, *, finished: bool = False) -> Any:
    """Return the next piece of a text."""
    return SimpleNamespace(text=text, finished=finished)


def crowded(streams: int) -> Pace:
    """Return the pace of so many streams."""
    pace = Pace()
    for _ in range(streams):
        pace.begin()
    return pace


def begun(pace: Pace) -> tuple[Collector, Outputs]:
    """Return a stream that has told its first token."""
    collector = Collector()
    return collector, Outputs(collector, pace)


async def ready(outputs: Outputs) -> Any:
    """Return what is there without waiting; None if nothing is."""
    task = asyncio.ensure_future(outputs.next())
    await asyncio.sleep(0)
    if not task.done():
        task.cancel()
        return None
    return task.result()


@pytest.mark.parametrize("streams", [1, 1000])
async def test_the_first_token_never_waits(streams: int) -> None:
    """However many streams run, a new one begins at once."""
    collector, outputs = begun(crowded(streams))

    collector.put(output("a"))

    assert (await ready(outputs)).text == "a"


async def test_what_came_before_is_not_lost() -> None:
    """An output that vLLM put before anyone could listen is the first."""
    collector = Collector()
    collector.put(output("a"))

    outputs = Outputs(collector, crowded(1000))

    assert (await ready(outputs)).text == "a"


async def test_few_streams_do_not_wait() -> None:
    """A lone stream gets every token as it comes."""
    collector, outputs = begun(crowded(1))

    for text in "abc":
        collector.put(output(text))

        assert (await ready(outputs)).text == text


async def test_many_streams_wait_for_the_beat() -> None:
    """Tokens between two beats come together."""
    collector, outputs = begun(crowded(20))
    collector.put(output("a"))
    await outputs.next()

    for text in "bcd":
        collector.put(output(text))
        assert await ready(outputs) is None

    assert (await outputs.next()).text == "bcd"


async def test_the_end_never_waits() -> None:
    """The last token brings all before it along, at once."""
    collector, outputs = begun(crowded(1000))
    collector.put(output("a"))
    await outputs.next()
    collector.put(output("b"))

    collector.put(output("c", finished=True))

    assert (await ready(outputs)).text == "bc"


async def test_a_failure_never_waits() -> None:
    """So does what vLLM puts there when it fails."""
    collector, outputs = begun(crowded(1000))
    collector.put(output("a"))
    await outputs.next()

    collector.put(RuntimeError("dead"))

    with pytest.raises(RuntimeError, match="dead"):
        await outputs.next()


async def test_one_beat_for_all() -> None:
    """Streams share the beat: what two of them have waiting comes at the same time."""
    pace = crowded(20)
    streams = [begun(pace) for _ in range(2)]
    for collector, outputs in streams:
        collector.put(output("a"))
        await outputs.next()
        collector.put(output("b"))

    await streams[0][1].next()

    assert (await ready(streams[1][1])).text == "b"
