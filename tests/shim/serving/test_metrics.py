"""The metrics of a server: their list, queues, batches, the event loop's lag."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from backends.base import Batch
from shim.serving.admission import Admission
from shim.serving.loop_lag import measured_lag
from shim.serving.metrics import Metrics
from tests.shim.serving.samples import value


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of a server without requests."""
    return Metrics()


async def one() -> AsyncGenerator[str, None]:
    """Yield one item."""
    yield "one"


async def test_queues(metrics: Metrics) -> None:
    """Each scrape reads from the queue how many requests run and wait."""
    queue = Admission(max_running=1, max_waiting=1)
    metrics.watch_queue("m", queue)
    running = queue.admit(one())

    await anext(running)

    assert value(metrics, "shim_requests_running", model="m") == 1
    assert value(metrics, "shim_requests_waiting", model="m") == 0
    await running.aclose()
    assert value(metrics, "shim_requests_running", model="m") == 0


async def test_batches(metrics: Metrics) -> None:
    """A batch counts once with its size and time, and once for each call that waited.

    Batches before `count_batches` belong to the self-test and do not count.
    """
    metrics.engines.on_batch("m", Batch(call="encode", size=9, waited=(0.0,), took=9.0))
    metrics.engines.count_batches("m")

    metrics.engines.on_batch("m", Batch(call="encode", size=3, waited=(0.1, 0.2, 0.3), took=0.5))
    metrics.engines.on_batch("m", Batch(call="encode", size=1, waited=(0.4,), took=0.25))
    metrics.engines.on_batch("m", Batch(call="align", size=1, waited=(0.0,), took=0.0))

    encode = {"model": "m", "call": "encode"}
    assert value(metrics, "shim_batch_size_count", **encode) == 2
    assert value(metrics, "shim_batch_size_sum", **encode) == 4
    assert value(metrics, "shim_batch_size_bucket", **encode, le="1.0") == 1
    assert value(metrics, "shim_engine_wait_seconds_count", **encode) == 4
    assert value(metrics, "shim_engine_wait_seconds_sum", **encode) == pytest.approx(1.0)
    assert value(metrics, "shim_engine_seconds_sum", **encode) == pytest.approx(0.75)
    assert value(metrics, "shim_batch_size_count", model="m", call="align") == 1


async def test_the_loops_lag() -> None:
    """The lag is measured while the block runs, and is never negative."""
    measured: asyncio.Queue[float] = asyncio.Queue()

    async with measured_lag(measured.put_nowait):
        lag = await measured.get()

    assert lag >= 0
