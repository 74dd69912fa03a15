"""What a server holds, and how it answers, second by second."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.attack.memory import megabytes, tree
from tools.attack.wire import get
from tools.load.clients import Clients
from tools.load.connection import Connection, connect
from tools.soak.probes import percentile

_LAG = re.compile(r"^shim_event_loop_lag_seconds_(sum|count) (\S+)$", re.MULTILINE)
_BUSY = re.compile(r"^shim_requests_(?:running|waiting)\{.*\} (\S+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One second of a load. Memory is in MB of 10^6 bytes, times are in ms."""

    seconds: float
    """Since the load began."""
    rate: float
    """Right answers a second to clients that stay."""
    p50: float
    p99: float
    rss: float
    """Of the server and its children together."""
    pss: float
    """The same, where pages that several processes share count once."""
    descriptors: int
    threads: int
    lag: float
    """Mean lag of the event loop in this second, by `/metrics`."""


class Sampler:
    """Samples one server while clients load it."""

    def __init__(self, pid: int, connection: Connection) -> None:
        self._pid = pid
        self._connection = connection
        self._lag = (0.0, 0.0)

    async def run(self, clients: Clients, seconds: float) -> list[Sample]:
        """Return a sample of each second of so many."""
        await self._mean_lag()
        samples: list[Sample] = []
        began = last = time.perf_counter()
        clients.record.recent.clear()
        while last - began < seconds:
            await asyncio.sleep(1)
            now = time.perf_counter()
            took = clients.record.recent.copy() or [now - last]
            clients.record.recent.clear()
            samples.append(
                Sample(
                    seconds=round(now - began, 2),
                    rate=round(len(took) / (now - last), 1),
                    p50=round(1e3 * percentile(took, 0.5), 2),
                    p99=round(1e3 * percentile(took, 0.99), 2),
                    rss=round(megabytes(self._pid), 2),
                    pss=round(await asyncio.to_thread(_shared, self._pid), 2),
                    descriptors=descriptors(self._pid),
                    threads=threads(self._pid),
                    lag=round(1e3 * await self._mean_lag(), 2),
                )
            )
            last = now
        return samples

    async def busy(self) -> float:
        """Return how many requests run and wait."""
        return sum(map(float, _BUSY.findall(await self._metrics())))

    async def _mean_lag(self) -> float:
        """Return the mean lag since the last call, in seconds."""
        found = dict(_LAG.findall(await self._metrics()))
        total, count = float(found["sum"]), float(found["count"])
        before, self._lag = self._lag, (total, count)
        return (total - before[0]) / max(1, count - before[1])

    async def _metrics(self) -> str:
        answer = await self._connection.ask(get("/metrics", key=False, Connection="keep-alive"))
        return answer.body.decode()


async def sampler(pid: int, port: int) -> Sampler:
    """Return a sampler of the server *pid* that listens at *port*."""
    return Sampler(pid, await connect(port))


def descriptors(pid: int) -> int:
    """Return how many descriptors are open in the server and its children."""
    return sum(len([*Path(f"/proc/{process}/fd").iterdir()]) for process in tree(pid))


def threads(pid: int) -> int:
    """Return how many threads the server and its children have."""
    return sum(len([*Path(f"/proc/{process}/task").iterdir()]) for process in tree(pid))


def _shared(pid: int) -> float:
    """Return the proportional set size of the tree, in MB."""
    texts = [Path(f"/proc/{process}/smaps_rollup").read_text() for process in tree(pid)]
    return sum(int(found[1]) * 1024 / 1e6 for text in texts if (found := _PSS.search(text)))


_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def fifth(samples: Sequence[Sample], number: int) -> Sequence[Sample]:
    """Return the samples of a fifth of the time; *number* is 1 to 5."""
    size = len(samples) // 5
    return samples[(number - 1) * size : number * size]
