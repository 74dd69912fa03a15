"""Samples through servers that die, hang and are redeployed: each answered once, and right."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tools.night.__main__ import FAULTS, kill, redeploy
from tools.night.client import Result, connected, results
from tools.night.count import counts
from tools.night.night import Plan, night, processes
from tools.night.samples import Sample
from tools.night.servers import Behind


async def clients(url: str, count: int, in_flight: int) -> AsyncGenerator[Result, None]:
    """Yield the results of a client in this process."""
    async with connected(url) as client:
        async for result in results(client, map(Sample, range(count)), in_flight):
            yield result


async def hang(behind: list[Behind]) -> None:
    """Let the second server hang until its requests have ended elsewhere."""
    behind[1].hang()
    await asyncio.sleep(2)
    behind[1].resume()


async def test_a_short_night(tmp_path: Path) -> None:
    """Of 64 in flight none is lost by a kill, a hang and a redeployment, nor computed in vain."""
    plan = Plan(
        samples=900,
        in_flight=64,
        seconds_per_item=0.02,
        faults=((0.1, kill), (0.3, hang), (0.6, redeploy)),
        options={"whole_streams": "true", "probe_seconds": 0.3, "probe_timeout_seconds": 0.3},
    )

    outcome = await night(plan, tmp_path, clients)

    found = counts(outcome)
    assert found.is_whole(plan.samples), (found, [each for each in outcome.results if each.error])
    assert found.lost > 0


@pytest.mark.slow
async def test_a_night(tmp_path: Path) -> None:
    """The same with 512 in flight, five kills, half a minute of hanging, and four processes."""
    plan = Plan(6000, 512, 0.5, FAULTS, options={"whole_streams": "true"})

    outcome = await night(plan, tmp_path, processes)

    assert counts(outcome).is_whole(plan.samples)
