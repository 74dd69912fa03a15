"""One night: servers, clients, and what is done to the servers meanwhile."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .client import Result
from .servers import Behind, Server, front

Clients = Callable[[str, int, int], AsyncGenerator[Result, None]]
"""Yields the results of so many samples (the second argument), so many of them in flight (the
third), from the server at a base URL."""

Fault = Callable[[list[Behind]], Awaitable[None]]

CLIENTS = 4
"""Processes of clients: the stock client's connection pool is slow with hundreds of connections."""


@dataclass(frozen=True)
class Plan:
    """What a night consists of."""

    samples: int
    in_flight: int
    seconds_per_item: float
    """Seconds of the fake engines for each word of an answer."""
    faults: tuple[tuple[float, Fault], ...]
    """What is done to the servers when this share of the samples has its result, in order."""
    servers: int = 3
    options: dict[str, object] = field(default_factory=dict)
    """Options of the front's pools."""


@dataclass(frozen=True)
class Outcome:
    """What a night has left."""

    plan: Plan
    results: list[Result]
    behind: list[Behind]
    front: Server
    seconds: float
    """From the first request to the last result."""


class _Progress:
    """How many samples have their result, and who waits for how many."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self._changed = asyncio.Condition()

    async def add(self, result: Result) -> None:
        self.results.append(result)
        async with self._changed:
            self._changed.notify_all()

    async def reached(self, count: float) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.results) >= count)


async def night(plan: Plan, folder: Path, clients: Clients) -> Outcome:
    """Serve all samples of *plan* while its faults happen; *folder* gets all logs."""
    async with _serving(plan, folder) as (before, behind):
        progress = _Progress()
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            group.create_task(_faults(plan, behind, progress))
            async for result in clients(before.url, plan.samples, plan.in_flight):
                await progress.add(result)
            took = asyncio.get_running_loop().time() - began
        return Outcome(plan, progress.results, behind, before, took)


async def _faults(plan: Plan, behind: list[Behind], progress: _Progress) -> None:
    for share, fault in plan.faults:
        await progress.reached(share * plan.samples)
        print(f"{len(progress.results):6} {fault.__qualname__}", file=sys.stderr)
        await fault(behind)


@asynccontextmanager
async def _serving(plan: Plan, folder: Path) -> AsyncIterator[tuple[Server, list[Behind]]]:
    behind = [
        Behind(folder, f"behind-{at + 1}", plan.seconds_per_item) for at in range(plan.servers)
    ]
    before = Server(folder, "front")
    try:
        await asyncio.gather(*(server.live() for server in behind))
        await before.start(front(behind, **plan.options))
        yield before, behind
    finally:
        await before.stop()
        await asyncio.gather(*(server.stop() for server in behind))


async def processes(url: str, count: int, in_flight: int) -> AsyncGenerator[Result, None]:
    """Yield the results of clients in processes of their own."""
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def client(first: int) -> None:
        numbers = map(str, (first, CLIENTS, count, in_flight // CLIENTS))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools.night.client", url, *numbers),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None  # noqa: S101  it was opened as a pipe
        async for line in process.stdout:
            lines.put_nowait(line)
        if code := await process.wait():
            raise RuntimeError(f"a client ended with {code}")

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for first in range(CLIENTS):
                group.create_task(client(first))
        lines.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(all_of_them())
        while (line := await lines.get()) is not None:
            yield Result(**json.loads(line))
