"""Metrics of one request: what it adds by its items, by its route and by how it ends."""

from collections.abc import AsyncGenerator

import numpy as np
import pytest

from backends.base import (
    Embedding,
    Finish,
    Generated,
    ReasoningDelta,
    Segment,
    TextDelta,
    TranscriptInfo,
)
from backends.failures import EngineDead, PromptTooLong
from shim.serving.admission import Admission
from shim.serving.metrics import Metrics
from shim.serving.request_metrics import Route
from tests.shim.serving.samples import value

INFO = TranscriptInfo(language="en", language_probability=1.0, duration=2.5, prompt_tokens=3)
SEGMENT = Segment(
    id=1,
    seek=0,
    start=0.0,
    end=2.5,
    text=" a",
    tokens=(1, 2),
    temperature=0.0,
    avg_logprob=-0.1,
    compression_ratio=1.0,
    no_speech_prob=0.0,
)
ANSWER: list[Generated] = [
    ReasoningDelta(index=0, text="hm"),
    TextDelta(index=0, text="a"),
    TextDelta(index=0, text="b"),
    Finish(index=0, reason="stop", prompt_tokens=7, completion_tokens=3),
]


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of a server without requests."""
    return Metrics()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list of one time, which is that of the metrics."""
    now = [100.0]
    monkeypatch.setattr("shim.serving.request_metrics.time.perf_counter", lambda: now[0])
    return now


async def items(clock: list[float], *values: object) -> AsyncGenerator[object, None]:
    """Yield *values*, each a second after the last, or raise one."""
    for each in values:
        clock[0] += 1
        if isinstance(each, Exception):
            raise each
        yield each


def admission() -> Admission:
    """Return a queue with a free slot."""
    return Admission(max_running=1, max_waiting=0)


async def observed(
    metrics: Metrics, stream: AsyncGenerator[object, None], route: Route, *, streamed: bool = True
) -> list[object]:
    """Return all items of a request of the model "m"."""
    observer = metrics.requests.request("m", route, streamed=streamed)
    return [item async for item in admission().admit(stream, observer)]


async def test_a_chat(metrics: Metrics, clock: list[float]) -> None:
    """A chat passes unchanged; its times, tokens and result are counted."""
    assert await observed(metrics, items(clock, *ANSWER), "chat") == ANSWER

    chat = {"model": "m", "route": "chat"}
    assert value(metrics, "shim_requests_total", **chat, status="200") == 1
    assert value(metrics, "shim_time_to_first_token_seconds_sum", **chat) == 1
    assert value(metrics, "shim_time_per_output_token_seconds_sum", **chat) == 1.5  # 3 s, 3 tokens
    assert value(metrics, "shim_request_duration_seconds_sum", **chat) == 4
    assert value(metrics, "shim_prompt_tokens_total", **chat) == 7
    assert value(metrics, "shim_completion_tokens_total", **chat) == 3


async def test_two_choices(metrics: Metrics, clock: list[float]) -> None:
    """The prompt counts once, the tokens of both choices; nobody knows the time between them."""
    text = TextDelta(index=1, text="c")
    finish = Finish(index=1, reason="stop", prompt_tokens=7, completion_tokens=2)

    await observed(metrics, items(clock, *ANSWER, text, finish), "chat")

    chat = {"model": "m", "route": "chat"}
    assert value(metrics, "shim_prompt_tokens_total", **chat) == 7
    assert value(metrics, "shim_completion_tokens_total", **chat) == 5
    assert value(metrics, "shim_time_per_output_token_seconds_count", **chat) == 0


async def test_what_is_not_streamed_has_no_first_token(
    metrics: Metrics, clock: list[float]
) -> None:
    """All of its output may have come at the end; its duration is known."""
    await observed(metrics, items(clock, *ANSWER), "chat", streamed=False)

    chat = {"model": "m", "route": "chat"}
    assert value(metrics, "shim_time_to_first_token_seconds_count", **chat) == 0
    assert value(metrics, "shim_time_per_output_token_seconds_count", **chat) == 0
    assert value(metrics, "shim_request_duration_seconds_count", **chat) == 1


async def test_an_embedding(metrics: Metrics, clock: list[float]) -> None:
    """An embedding has tokens of the prompt and no others."""
    vector = Embedding(values=np.zeros(2, np.float32), prompt_tokens=4)

    await observed(metrics, items(clock, vector), "embeddings")

    embeddings = {"model": "m", "route": "embeddings"}
    assert value(metrics, "shim_prompt_tokens_total", **embeddings) == 4
    assert value(metrics, "shim_completion_tokens_total", **embeddings) == 0
    assert value(metrics, "shim_time_to_first_token_seconds_count", **embeddings) == 0


async def test_transcriptions(metrics: Metrics, clock: list[float]) -> None:
    """Seconds of audio add up over the routes, and the speed is measured after the decoding."""
    for route in ("transcriptions", "chat"):
        await observed(metrics, items(clock, INFO, SEGMENT, SEGMENT), route)

    route = {"model": "m", "route": "transcriptions"}
    assert value(metrics, "shim_audio_seconds_total", model="m") == 5.0
    assert value(metrics, "shim_real_time_factor_sum", model="m") == pytest.approx(2 * 2 / 2.5)
    assert value(metrics, "shim_time_to_first_token_seconds_sum", **route) == 2
    assert value(metrics, "shim_prompt_tokens_total", **route) == 3
    assert value(metrics, "shim_completion_tokens_total", **route) == 4


async def test_an_empty_recording(metrics: Metrics, clock: list[float]) -> None:
    """A recording without length has no speed."""
    nothing = TranscriptInfo(language="en", language_probability=1.0, duration=0.0)

    await observed(metrics, items(clock, nothing), "transcriptions")

    assert value(metrics, "shim_audio_seconds_total", model="m") == 0.0
    assert value(metrics, "shim_real_time_factor_count", model="m") is None


@pytest.mark.parametrize(
    ("error", "status"),
    [(EngineDead("gone"), "503"), (PromptTooLong("long"), "400"), (KeyError(), "500")],
)
async def test_a_failure(
    metrics: Metrics, clock: list[float], error: Exception, status: str
) -> None:
    """A failure counts by its status, also after a stream has begun; its tokens do not count."""
    with pytest.raises(type(error)):
        await observed(metrics, items(clock, INFO, SEGMENT, error), "transcriptions")

    route = {"model": "m", "route": "transcriptions"}
    assert value(metrics, "shim_requests_total", **route, status=status) == 1
    assert value(metrics, "shim_requests_total", **route, status="200") is None
    assert value(metrics, "shim_completion_tokens_total", **route) == 0
    assert value(metrics, "shim_request_duration_seconds_count", **route) == 0
    assert value(metrics, "shim_audio_seconds_total", model="m") is None


async def test_a_request_that_is_closed(metrics: Metrics, clock: list[float]) -> None:
    """A request that is closed early counts as 499, and the backend's items are closed."""
    below = items(clock, *ANSWER)
    observer = metrics.requests.request("m", "chat", streamed=True)
    stream = admission().admit(below, observer)
    await anext(stream)

    await stream.aclose()

    assert await anext(below, None) is None
    assert value(metrics, "shim_requests_total", model="m", route="chat", status="499") == 1
