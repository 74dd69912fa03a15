"""A replica, and then a node, that is killed while 64 requests are in flight."""

import asyncio
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.backends.faults import until
from tests.client.stock import connect, says
from tests.cluster.conftest import Replicated, cluster, serving_there
from tests.live import skip_without

IN_FLIGHT = 64

pytestmark = pytest.mark.slow


def text(number: int) -> str:
    """Return a sample of 0.6 s, which no other one equals."""
    return " ".join([f"sample-{number}", *(f"word-{word}" for word in range(11))])


class Sending:
    """Samples that a stock client sends, 64 at once, until it is stopped."""

    def __init__(self, client: Any) -> None:
        self.answers: dict[int, str] = {}
        self._client = client
        self._numbers = count()
        self._stopped = False

    async def run(self) -> None:
        """Send until `stop`; return when all samples have their answers."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.create_task(self._work())

    async def more(self, samples: int) -> None:
        """Return when as many further samples have been answered."""
        enough = len(self.answers) + samples
        await until(lambda: len(self.answers) >= enough)

    def stop(self) -> None:
        """Send no further sample."""
        self._stopped = True

    async def _work(self) -> None:
        while not self._stopped:
            number = next(self._numbers)
            answer = await self._client.chat.completions.create(
                model="sleeper", messages=says(text(number))
            )
            self.answers[number] = answer.choices[0].message.content


def computed(served: Replicated) -> Counter[str]:
    """Return how often each sample was computed to its end."""
    lines = served.log.read_text().splitlines()
    return Counter(line for line in lines if line.startswith("end"))


async def test_a_replica_and_a_node(tmp_path: Path) -> None:
    """A client with three retries gets the right answer to every sample.

    A sample is computed again only if its answer was lost with its replica.
    """
    skip_without("ray", "Ray")
    with cluster() as nodes, serving_there(nodes, tmp_path) as served:
        async with connect("async", served.server, max_retries=3) as client:
            sending = Sending(client)
            sent = asyncio.create_task(sending.run())

            await sending.more(200)
            [first, _] = nodes.replicas("sleeper")
            first.kill()
            await until(lambda: len(nodes.replicas("sleeper")) == 2)
            await sending.more(200)
            psutil.Process(nodes.raylets[1]).kill()
            await sending.more(200)
            sending.stop()
            await sent

    assert sending.answers == {number: text(number) for number in range(len(sending.answers))}
    again = sum(times > 1 for times in computed(served).values())
    assert again <= 4, "these were at their very end when their replica died"
