"""Clients that vanish: no replica works on for them."""

import asyncio
import json
import random
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.backends.faults import until
from tests.client.stock import says
from tests.cluster.conftest import Nodes, Replicated
from tests.live import KEY

LONG = " ".join(["word"] * 900)
"""45 seconds of `sleeper`."""


async def vanish(url: httpx.URL, number: int, chunks: int) -> None:
    """Request a stream, read as many pieces of it, and cut the connection."""
    body = {"model": "sleeper", "messages": says(f"{number} {LONG}"), "stream": True}
    text = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(head.encode() + text)
    assert b" 200 " in await reader.readline()
    for _ in range(chunks):
        assert await reader.readuntil(b"\n\n")
    writer.transport.abort()


def events(log: Path) -> Counter[str]:
    """Return how many computations have begun, ended and been aborted."""
    return Counter(line.split()[0] for line in log.read_text().splitlines())


@pytest.mark.parametrize("clients", [30, pytest.param(150, marks=pytest.mark.slow)])
async def test_vanishing(replicated: Replicated, nodes: Nodes, clients: int) -> None:
    """Each computation whose client has vanished is aborted, in either replica."""
    assert len(nodes.replicas("sleeper")) == 2
    url, before = httpx.URL(replicated.server.url), events(replicated.log)
    draw = random.Random(19)  # noqa: S311  must be repeatable

    async with asyncio.TaskGroup() as tasks:
        for number in range(clients):
            tasks.create_task(vanish(url, number, draw.randrange(1, 20)))

    await until(lambda: (events(replicated.log) - before)["left"] == clients)
    assert (events(replicated.log) - before)["begin"] == clients
    assert (events(replicated.log) - before)["end"] == 0
