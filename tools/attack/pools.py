"""Clients that keep connections and use them again at the moment at which somebody closes them.

    python -m tools.attack.pools            2,000 requests for each client and limit, three minutes
    python -m tools.attack.pools --quick    the part that the tests run

aiohttp keeps an idle connection for 15 s, OpenAI's clients for 5 s; a server that closes at one of
these times cuts off requests that cross its closing, and a POST is not sent again by itself. Exit
status 1 if a request was cut.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp
import openai

from tools.attack.target import started
from tools.attack.wire import KEY, Answer, chat, post, read

_CONFIG = (
    f'[server]\napi_keys = ["{KEY}"]\n[[models]]\nid = "echo"\nbackend = "fake"\nsource = "chat"\n'
)
_BODY: dict[str, Any] = {**chat("one"), "model": "echo"}


@dataclass(frozen=True)
class Wave:
    """What one pool does: so many connections, each used, left idle, used again, and so on."""

    url: str
    connections: int
    rounds: int
    idle: float
    """Seconds between two uses."""


Pool = Callable[[Wave], Awaitable[list[str]]]


async def of_aiohttp(wave: Wave) -> list[str]:
    """Return what went wrong with aiohttp's pool."""
    headers = {"Authorization": f"Bearer {KEY}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(wave.url, connector=connector, headers=headers) as session:

        async def one() -> None:
            async with session.post("/v1/chat/completions", json=_BODY) as answer:
                answer.raise_for_status()
                await answer.read()

        return await _waves(wave, one)


async def of_openai(wave: Wave) -> list[str]:
    """Return what went wrong with the pool of OpenAI's asynchronous client, without its retries."""
    async with openai.AsyncOpenAI(
        base_url=f"{wave.url}/v1", api_key=KEY, max_retries=0, timeout=60
    ) as client:

        async def one() -> None:
            await client.chat.completions.create(**_BODY)

        return await _waves(wave, one)


async def of_openai_in_threads(wave: Wave) -> list[str]:
    """Return what went wrong with the pool of OpenAI's synchronous client, without its retries."""
    loop = asyncio.get_running_loop()
    with (
        openai.OpenAI(base_url=f"{wave.url}/v1", api_key=KEY, max_retries=0, timeout=60) as client,
        ThreadPoolExecutor(wave.connections) as threads,
    ):

        async def one() -> None:
            await loop.run_in_executor(threads, lambda: client.chat.completions.create(**_BODY))

        return await _waves(wave, one)


async def of_sockets(wave: Wave) -> list[str]:
    """Return what went wrong with connections that are never closed by the client."""
    host, _, port = wave.url.removeprefix("http://").partition(":")
    request = post("/v1/chat/completions", _BODY, Connection="keep-alive")
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(wave.connections)]
    free = list(opened)

    async def one() -> None:
        reader, writer = free.pop()
        writer.write(request)
        answer = Answer()
        await read(reader, answer)
        if answer.outcome != "200":
            raise ConnectionError(answer.outcome)
        free.append((reader, writer))

    failed = await _waves(wave, one)
    for _, writer in opened:
        writer.close()
    return failed


async def _waves(wave: Wave, one: Callable[[], Awaitable[None]]) -> list[str]:
    failed = []
    for turn in range(wave.rounds):
        if turn:
            await asyncio.sleep(wave.idle)
        done = await asyncio.gather(
            *(one() for _ in range(wave.connections)), return_exceptions=True
        )
        failed += [repr(error)[:120] for error in done if error is not None]
    return failed


@dataclass(frozen=True)
class Round:
    """Pools of one client, which are idle for times around one limit."""

    client: str
    pool: Pool
    limit: float
    pools: int
    connections: int
    rounds: int


_SPREAD = 0.1
"""Seconds on either side of a limit."""

ROUNDS = (
    Round("openai, asynchronous", of_openai, 5, pools=40, connections=25, rounds=2),
    Round("openai, synchronous", of_openai_in_threads, 5, pools=40, connections=5, rounds=10),
    Round("aiohttp", of_aiohttp, 5, pools=40, connections=25, rounds=2),
    Round("aiohttp", of_aiohttp, 15, pools=40, connections=25, rounds=2),
    Round("sockets", of_sockets, 60, pools=40, connections=25, rounds=2),
)
QUICK = (
    Round("openai, asynchronous", of_openai, 5, pools=8, connections=25, rounds=2),
    Round("openai, synchronous", of_openai_in_threads, 5, pools=8, connections=10, rounds=2),
    Round("aiohttp", of_aiohttp, 5, pools=8, connections=25, rounds=2),
)


async def run(around: Round, url: str) -> list[str]:
    """Return what went wrong in all pools of *around*, which run at the same time."""
    steps = [2 * _SPREAD * at / (around.pools - 1) - _SPREAD for at in range(around.pools)]
    waves = [Wave(url, around.connections, around.rounds, around.limit + step) for step in steps]
    failed = await asyncio.gather(*map(around.pool, waves))
    return [error for of_pool in failed for error in of_pool]


async def table(rounds: tuple[Round, ...]) -> int:
    """Run all *rounds* against one server; print a row for each, return the number of failures.

    One after the other: a client that has too much to do cuts its own requests.
    """
    cut = 0
    with started(_CONFIG, limit=None) as target:
        await target.listen(30)
        for around in rounds:
            failed = await run(around, f"http://127.0.0.1:{target.port}")
            sent = around.pools * around.connections * around.rounds
            first = f": {failed[0]}" if failed else ""
            print(
                f"| {around.client} | {around.limit:g} | {sent:,} | {len(failed)}{first} |",
                flush=True,
            )
            cut += len(failed)
    return cut


def main() -> int:
    """Return 0 if no request was cut."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    return 1 if asyncio.run(table(QUICK if quick else ROUNDS)) else 0


if __name__ == "__main__":
    sys.exit(main())
