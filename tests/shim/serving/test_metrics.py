"""Metrics: what is counted of batches and of requests, in Prometheus's words."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from backends.base import Batch, Segment, TranscriptInfo
from backends.failures import EngineDead
from shim.serving.admission import Admission
from shim.serving.metrics import Telemetry

INFO = TranscriptInfo(language="en", language_probability=1.0, duration=2.5)

SEGMENT = Segment(
    id=1,
    seek=0,
    start=0.0,
    end=2.5,
    text=" a",
    tokens=(1,),
    temperature=0.0,
    avg_logprob=-0.1,
    compression_ratio=1.0,
    no_speech_prob=0.0,
)


@pytest.fixture
def telemetry() -> Telemetry:
    """Count from nothing."""
    return Telemetry()


def value(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    """Return one sample as a scraper reads it, or None where there is none."""
    families = text_string_to_metric_families(telemetry.text().decode())
    samples = (sample for family in families for sample in family.samples)
    return next((s.value for s in samples if (s.name, s.labels) == (name, labels)), None)


async def transcript(*items: object) -> AsyncGenerator[object, None]:
    """Yield *items*, or raise one."""
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


async def test_nothing_yet(telemetry: Telemetry) -> None:
    """Before the first request every metric is there to be found; those of models are empty."""
    families = list(text_string_to_metric_families(telemetry.text().decode()))
    of_loop = [family for family in families if family.name.startswith("shim_event_loop")]
    of_models = [family for family in families if family not in of_loop]

    assert "shim_event_loop_lag_seconds" in {family.name for family in of_loop}
    assert {family.name for family in of_models} == {
        "shim_batch_size",
        "shim_engine_wait_seconds",
        "shim_engine_seconds",
        "shim_audio_seconds",
        "shim_queue_seconds",
        "shim_real_time_factor",
        "shim_requests_running",
        "shim_requests_waiting",
    }
    assert not any(family.samples for family in of_models)


async def test_queues(telemetry: Telemetry) -> None:
    """How many requests run and wait is what the queue says when the metrics are asked for."""
    queue = Admission(max_running=1, max_waiting=1)
    telemetry.watch_queue("m", queue)
    running = queue.admit(transcript("one"))

    await anext(running)

    assert value(telemetry, "shim_requests_running", model="m") == 1
    assert value(telemetry, "shim_requests_waiting", model="m") == 0
    await running.aclose()
    assert value(telemetry, "shim_requests_running", model="m") == 0


async def test_batches(telemetry: Telemetry) -> None:
    """A batch counts once with its size and time, and once for each call that waited.

    What comes before the model's batches are to be counted is of its self-test.
    """
    telemetry.on_batch("m", Batch(call="encode", size=9, waited=(0.0,), took=9.0))
    telemetry.count_batches("m")

    telemetry.on_batch("m", Batch(call="encode", size=3, waited=(0.1, 0.2, 0.3), took=0.5))
    telemetry.on_batch("m", Batch(call="encode", size=1, waited=(0.4,), took=0.25))
    telemetry.on_batch("m", Batch(call="align", size=1, waited=(0.0,), took=0.0))

    encode = {"model": "m", "call": "encode"}
    assert value(telemetry, "shim_batch_size_count", **encode) == 2
    assert value(telemetry, "shim_batch_size_sum", **encode) == 4
    assert value(telemetry, "shim_batch_size_bucket", **encode, le="1.0") == 1
    assert value(telemetry, "shim_engine_wait_seconds_count", **encode) == 4
    assert value(telemetry, "shim_engine_wait_seconds_sum", **encode) == pytest.approx(1.0)
    assert value(telemetry, "shim_engine_seconds_sum", **encode) == pytest.approx(0.75)
    assert value(telemetry, "shim_batch_size_count", model="m", call="align") == 1


async def test_a_transcription(telemetry: Telemetry) -> None:
    """A transcription passes through unchanged and adds its seconds, its wait and its speed."""
    items = telemetry.observe("m", transcript(INFO, SEGMENT))

    assert [item async for item in items] == [INFO, SEGMENT]
    assert value(telemetry, "shim_audio_seconds_total", model="m") == 2.5
    assert value(telemetry, "shim_queue_seconds_count", model="m") == 1
    assert value(telemetry, "shim_real_time_factor_count", model="m") == 1


async def test_several_transcriptions_of_several_models(telemetry: Telemetry) -> None:
    """Seconds of audio add up, each model's for itself."""
    for model in ("a", "a", "b"):
        async with aclosing(telemetry.observe(model, transcript(INFO))) as items:
            assert [item async for item in items] == [INFO]

    assert value(telemetry, "shim_audio_seconds_total", model="a") == 5.0
    assert value(telemetry, "shim_audio_seconds_total", model="b") == 2.5


async def test_a_transcription_that_fails(telemetry: Telemetry) -> None:
    """One that fails half way has been waited for, but is no audio transcribed."""
    items = telemetry.observe("m", transcript(INFO, EngineDead("gone")))

    with pytest.raises(EngineDead):
        _ = [item async for item in items]

    assert value(telemetry, "shim_queue_seconds_count", model="m") == 1
    assert value(telemetry, "shim_audio_seconds_total", model="m") is None


async def test_a_transcription_that_is_left(telemetry: Telemetry) -> None:
    """One whose client leaves is none either, and what is below is closed."""
    below = transcript(INFO, SEGMENT, SEGMENT)
    items = telemetry.observe("m", below)
    await anext(items)

    await items.aclose()

    assert await anext(below, None) is None
    assert value(telemetry, "shim_audio_seconds_total", model="m") is None


async def test_an_empty_recording(telemetry: Telemetry) -> None:
    """A recording of no length has no speed."""
    nothing = TranscriptInfo(language="en", language_probability=1.0, duration=0.0)

    _ = [item async for item in telemetry.observe("m", transcript(nothing))]

    assert value(telemetry, "shim_real_time_factor_count", model="m") is None
    assert value(telemetry, "shim_audio_seconds_total", model="m") == 0.0
