"""The same refusal to the same client is delayed by more each time."""

import asyncio
import logging
from typing import Any

import pytest
from litestar.exceptions import NotFoundException

from backends.failures import PromptTooLong
from shim.errors import InvalidKey, InvalidParameter, QueueFull, TooLarge, UnknownModel
from shim.http.body_memory import BodyMemory, HeldBytes, reserve
from shim.http.repeated_refusals import RefusalDelays
from shim.limits import Limits

TOO_LONG = PromptTooLong.by(prompt=10, completion=5000, context=2048)


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def scope(**more: Any) -> Any:
    """Return the scope of a request."""
    headers = [(b"authorization", b"Bearer a"), (b"content-length", b"100")]
    url = {"method": "POST", "path": "/v1/completions"}
    return {"type": "http", "headers": headers, "client": ("10.0.0.1", 5000), **url, **more}


def delays(
    repeated: RefusalDelays, count: int, error: Exception = TOO_LONG, **more: Any
) -> list[float]:
    """Return the delays of *count* refusals, in seconds."""
    return [repeated.seconds(error, scope(**more)) for _ in range(count)]


def test_a_delay_that_grows() -> None:
    """Nine are answered at once, each further one is delayed twice as long, up to the bound."""
    repeated = RefusalDelays(Limits())

    seconds = delays(repeated, 100)

    assert seconds[:9] == [0.0] * 9
    assert seconds[9:15] == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, 0.64])
    assert set(seconds[15:]) == {1.0}


@pytest.mark.parametrize(
    "error",
    [InvalidParameter("a"), UnknownModel("a"), InvalidKey("a"), NotFoundException()],
    ids=lambda error: type(error).__name__,
)
def test_what_is_delayed(error: Exception) -> None:
    """Refusals that the same request would get again are delayed."""
    assert delays(RefusalDelays(Limits()), 10, error)[-1] > 0


@pytest.mark.parametrize(
    "error",
    [QueueFull("a"), TooLarge(1, 2), RuntimeError("a")],
    ids=lambda error: type(error).__name__,
)
def test_what_is_not_delayed(error: Exception) -> None:
    """Temporary, costly and server errors are not delayed."""
    assert set(delays(RefusalDelays(Limits()), 20, error)) == {0.0}


@pytest.mark.parametrize(
    "other",
    [
        {"client": ("10.0.0.2", 5000)},
        {"headers": [(b"authorization", b"Bearer b"), (b"content-length", b"100")]},
        {"headers": [(b"authorization", b"Bearer a"), (b"content-length", b"101")]},
        {"path": "/v1/chat/completions"},
        {"error": InvalidParameter("another")},
    ],
)
def test_others_are_not_delayed(other: dict[str, Any]) -> None:
    """Another client, key, request or refusal has a streak of its own, another port does not."""
    repeated = RefusalDelays(Limits())

    delays(repeated, 20)

    assert delays(repeated, 1, **other) == [0.0]
    assert delays(repeated, 1, client=("10.0.0.1", 6000)) == [1.0]


def test_a_pause_ends_the_streak() -> None:
    """Ten seconds after its answer, and not earlier, a refusal counts from one again."""
    clock = Clock()
    repeated = RefusalDelays(Limits(), clock=clock)
    delays(repeated, 20)

    clock.now += 10
    assert delays(repeated, 1) == [1.0]

    clock.now += 12
    assert delays(repeated, 9) == [0.0] * 9


def test_a_long_delay_is_no_pause() -> None:
    """A client that waits for each delayed answer does not begin a new streak."""
    clock = Clock()
    repeated = RefusalDelays(Limits(refusal_delay_seconds=60.0), clock=clock)

    seconds = []
    for _ in range(40):
        seconds += delays(repeated, 1)
        clock.now += seconds[-1] + 0.01

    assert seconds[-10:] == [60.0] * 10


def test_no_delays() -> None:
    """A bound of 0 turns delays off."""
    assert set(delays(RefusalDelays(Limits(refusal_delay_seconds=0.0)), 100)) == {0.0}


def test_memory_is_bounded() -> None:
    """Only the latest streaks are counted; one that goes on is not forgotten."""
    repeated = RefusalDelays(Limits())

    for number in range(10_000):
        repeated.seconds(InvalidParameter(str(number)), scope())
        if number % 1000 == 0:
            delays(repeated, 2)

    assert len(repeated._streaks) == 4096
    assert delays(repeated, 1) == [1.0]


async def test_a_streak_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A streak has one line in the log when its delays begin, one with its count when it ends."""
    clock = Clock()
    repeated = RefusalDelays(Limits(), clock=clock)

    with caplog.at_level(logging.WARNING):
        await repeated.delay(TOO_LONG, scope())
        delays(repeated, 999)
        clock.now += 20
        assert repeated._next_cleanup is not None
        repeated._next_cleanup.cancel()
        repeated._clean_up()

    first, last = [record.getMessage() for record in caplog.records]
    assert "10.0.0.1 POST /v1/completions: This model's maximum context length" in first
    assert last.startswith("refused 1000 times in all: 10.0.0.1")
    assert (repeated._streaks, repeated._next_cleanup) == ({}, None)


async def test_memory_of_a_delayed_answer() -> None:
    """A delayed answer keeps neither reserved bytes nor frames of its request."""
    repeated = RefusalDelays(Limits(refusal_delay_seconds=60.0))
    delays(repeated, 30)
    error = PromptTooLong(str(TOO_LONG))

    async def app(scope: Any, *_: Any) -> None:
        reserve(scope, 1000)
        try:
            raise error from InvalidParameter("a")
        except PromptTooLong as raised:
            await repeated.delay(raised, scope)

    held = HeldBytes()
    memory = BodyMemory(app, held, 10_000)
    waiting = asyncio.create_task(memory(scope(), None, None))  # type: ignore[arg-type]
    await asyncio.sleep(0)

    assert held.count == 0
    assert error.__traceback__ is None
    assert repeated._delayed == 1

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (held.count, repeated._delayed) == (0, 0)


async def test_connections_that_wait() -> None:
    """Only an eighth of the connections may wait; further refusals are answered at once."""
    repeated = RefusalDelays(Limits(refusal_delay_seconds=60.0, connections=16))
    delays(repeated, 30)

    waiting = [
        asyncio.create_task(BodyMemory(_refusing(repeated), HeldBytes(), 1)(scope(), None, None))  # type: ignore[arg-type]
        for _ in range(5)
    ]
    done, still = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    assert (len(done), len(still)) == (3, 2)
    for task in still:
        task.cancel()
    await asyncio.gather(*still, return_exceptions=True)


def _refusing(repeated: RefusalDelays) -> Any:
    async def app(scope: Any, *_: Any) -> None:
        await repeated.delay(PromptTooLong(str(TOO_LONG)), scope)

    return app
