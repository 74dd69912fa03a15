"""One load: so many connections to a server of its own, for so many minutes."""

import asyncio
import time
from dataclasses import replace

from tools.attack.target import started
from tools.load.clients import Clients
from tools.load.samples import Sampler, descriptors, sampler
from tools.load.targets import Target
from tools.load.verdict import Held, found

START_SECONDS = 60.0
SETTLE_SECONDS = 20.0
"""Within which the server has to be idle again after the clients have gone."""


async def hold(target: Target, *, connections: int, minutes: float) -> Held:
    """Return what was seen. Raises RuntimeError if the server does not start, or stays busy."""
    with started(target.config, limit=None) as server:
        await server.listen(START_SECONDS)
        clients = Clients(target, server.port)
        await clients.learn()
        samples = await sampler(server.pid, server.port)
        before = descriptors(server.pid)
        running = asyncio.create_task(clients.run(await clients.open(connections)))
        seen = await samples.run(clients, minutes * 60)
        clients.ending = True
        await running
        await _settled(samples)
        held = Held(
            target=target.name,
            connections=connections,
            samples=seen,
            record=clients.record,
            descriptors=(before, await _closed(server.pid, before)),
        )
        return replace(held, found=found(held))


async def _settled(samples: Sampler) -> None:
    """Wait until no request runs or waits."""
    end = time.monotonic() + SETTLE_SECONDS
    while busy := await samples.busy():
        if time.monotonic() > end:
            raise RuntimeError(f"{busy:g} requests run though all clients have gone")
        await asyncio.sleep(0.1)


async def _closed(pid: int, before: int) -> int:
    """Return the number of descriptors once it is that of *before*, or after a while."""
    end = time.monotonic() + SETTLE_SECONDS
    while (now := descriptors(pid)) > before and time.monotonic() < end:  # noqa: ASYNC110 - /proc
        await asyncio.sleep(0.1)
    return now
