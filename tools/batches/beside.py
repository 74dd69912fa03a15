"""How long clients wait for chats while a batch runs beside them, and while none does."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from openai import AsyncOpenAI

from tools.batches.client import KEY, begun, chat, completed, connected, ended, written
from tools.bench.server import Server, serving
from tools.bench.tables import quantile

CLIENTS = 4
"""Clients that send one chat after the other."""

CONFIG = """
[server]
api_keys = ["{key}"]
[batches]
directory = "{folder}/batches"
[[models]]
id = "echo"
backend = "fake"
source = "chat"
max_running = {slots}
options = {{ seconds_per_item = {seconds} }}
"""


class Beside(Struct, frozen=True):
    """Seconds of the chats of clients, and what the batch did meanwhile."""

    alone: list[float]
    beside: list[float]
    lines_per_second: float
    """Of the batch, while clients sent their chats."""
    alone_after: float
    """Lines of the batch in a second once there was no client."""


def measured(folder: Path, *, slots: int, seconds: float, chats: int, count: int) -> Beside:
    """Send *chats* without a batch, then as many while one of *count* lines runs.

    The model has so many *slots*, and takes *seconds* for each word of the four of an answer.
    """
    config = folder / "shim.toml"
    config.write_text(CONFIG.format(key=KEY, folder=folder, slots=slots, seconds=seconds))
    with serving(config) as server:
        alone = asyncio.run(_chats(server, chats))
        client = connected(server)
        batch = begun(client, written(chat(f"one two three {n}", "echo") for n in range(count)))
        while not (before := completed(client.batches.retrieve(batch.id))):
            time.sleep(0.05)
        start = time.perf_counter()
        beside = asyncio.run(_chats(server, chats))
        present = client.batches.retrieve(batch.id)
        middle = time.perf_counter()
        if present.status != "in_progress":
            raise RuntimeError(f"the batch is {present.status} already: give it more lines")
        rest = ended(client, batch.id)
        return Beside(
            alone,
            beside,
            (completed(present) - before) / (middle - start),
            (completed(rest) - completed(present)) / (time.perf_counter() - middle),
        )


def rows(found: Beside) -> Iterator[tuple[str, float, float]]:
    """Yield what was measured: its name, the median and the 95th percentile in milliseconds."""
    for name, seconds in (("without a batch", found.alone), ("beside a batch", found.beside)):
        yield name, quantile(seconds, 0.5) * 1000, quantile(seconds, 0.95) * 1000


async def _chats(server: Server, count: int) -> list[float]:
    """Send *count* chats by `CLIENTS` clients; return the seconds of each."""
    seconds: list[float] = []
    todo = iter(range(count))

    async def one_after_the_other(client: AsyncOpenAI) -> None:
        for _ in todo:
            start = time.perf_counter()
            await client.chat.completions.create(**chat("one two three four", "echo"))
            seconds.append(time.perf_counter() - start)

    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client:
        await asyncio.gather(*(one_after_the_other(client) for _ in range(CLIENTS)))
    return seconds
