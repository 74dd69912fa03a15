r"""Measures a batch against the same chats by the stock client over HTTP, 64 in flight.

    python -m tools.bench.batches
    python -m tools.bench.batches --rounds 1 --requests 1000

The engine answers at once, so that only the way to it and back is measured. Both ways take turns.
Then the check of a file with 50,000 lines, and clients beside a batch. Writes `docs/benchmarks.md`.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from msgspec import Struct
from openai import AsyncOpenAI

from shim.batches.input import check
from shim.batches.lines import Lines
from tools.batches import beside
from tools.batches.client import CHAT, KEY, begun, chat, connected, ended, results, written
from tools.batches.kills import config
from tools.bench import tables
from tools.bench.child import cpu_clock, machine_seconds
from tools.bench.server import Server, serving

HTTP, BATCH = "HTTP", "batch"
IN_FLIGHT = 64
REQUESTS = 5_000
ROUNDS = 5
SLOTS, WORD_SECONDS, CHATS = 8, 0.01, 200
"""Of the model that clients use beside a batch: each answer has four words."""
CHECKED = 50_000
"""Lines of the file whose check is measured: the most that a batch may have."""


class Measured(Struct, frozen=True):
    """One round of one way."""

    rate: float
    """Requests per second."""
    server: float
    """Microseconds of the server's CPU for each request."""
    client: float
    """The same of the client's."""
    others: float
    """Share of the machine that all other processes took."""


def by_http(server: Server, count: int) -> int:
    """Send *count* chats, and return how many were answered."""
    return asyncio.run(_send(server, count))


async def _send(server: Server, count: int) -> int:
    todo = iter(range(count))
    answers: list[str | None] = []

    async def one_after_the_other(client: AsyncOpenAI) -> None:
        for number in todo:
            answer = await client.chat.completions.create(**chat(_words(number), "echo"))
            answers.append(answer.choices[0].message.content)

    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY) as client:
        await asyncio.gather(*(one_after_the_other(client) for _ in range(IN_FLIGHT)))
    return len(answers)


def by_batch(server: Server, count: int) -> int:
    """Run a batch of *count* chats, and return how many were answered."""
    client = connected(server)
    batch = begun(client, written(chat(_words(number), "echo") for number in range(count)))
    return len(results(client, ended(client, batch.id).output_file_id))


def _words(number: int) -> str:
    return f"What is {number} plus 2?"


def measured(server: Server, way: Callable[[Server, int], int], count: int) -> Measured:
    """Send one round *way*. Raises RuntimeError if not all requests were answered."""
    before = cpu_clock(server.pid), cpu_clock(os.getpid())
    busy, had = machine_seconds()
    start = time.perf_counter()
    answered = way(server, count)
    seconds = time.perf_counter() - start
    if answered != count:
        raise RuntimeError(f"{answered} of {count} chats were answered")
    took = cpu_clock(server.pid) - before[0], cpu_clock(os.getpid()) - before[1]
    busy, had = (now - then for now, then in zip(machine_seconds(), (busy, had), strict=True))
    others = max(busy - sum(took), 0) / had
    return Measured(count / seconds, took[0] / count * 1e6, took[1] / count * 1e6, others)


def play(rounds: int, count: int) -> dict[str, list[Measured]]:
    """Return the rounds of both ways."""
    ways = {HTTP: by_http, BATCH: by_batch}
    found: dict[str, list[Measured]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder, serving(config(Path(folder), "echo")) as server:
        for number in range(-1, rounds):  # the first one warms up
            for name, way in ways.items():
                result = measured(server, way, count)
                print(f"{number} {name}: {result}", file=sys.stderr)
                if number >= 0:
                    found[name].append(result)
    return found


def check_seconds() -> float:
    """Return the seconds in which a file of `CHECKED` lines is parsed and checked."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "input.jsonl"
        file.write_bytes(written(chat(_words(number), "echo") for number in range(CHECKED)))
        with closing(Lines(file)) as lines:
            start = time.perf_counter()
            check(lines, endpoint=CHAT, most_lines=CHECKED, most_inputs=CHECKED, line_bytes=1 << 20)
            return time.perf_counter() - start


def clients_beside(count: int) -> str:
    """Return a table of how long clients wait beside a batch of *count* lines."""
    with tempfile.TemporaryDirectory() as folder:
        found = beside.measured(
            Path(folder), slots=SLOTS, seconds=WORD_SECONDS, chats=CHATS, count=count
        )
    columns = [f"{CHATS} chats, {beside.CLIENTS} at a time", "latency p50, ms", "p95, ms"]
    rows = [f"| {name} | {middle:.1f} | {late:.1f} |" for name, middle, late in beside.rows(found)]
    return (
        f"{tables.table(columns, rows)}\n"
        f"The batch went on meanwhile, {found.lines_per_second:.0f} lines/s, and after the clients "
        f"{found.alone_after:.0f}.\n"
    )


def report(found: dict[str, list[Measured]], check_took: float) -> str:
    """Return the table, and a sentence on the check."""
    columns = ["", "requests/s", "÷ HTTP", "server's CPU, µs", "÷ HTTP", "client's CPU, µs"]
    rows = [_row(name, found) for name in found]
    return (
        f"    {' '.join(['python -m tools.bench.batches', *sys.argv[1:]])}\n\n"
        f"{tables.table([*columns, '÷ HTTP', tables.OTHERS], rows)}\n"
        f"A file of {CHECKED:,} lines is parsed and checked in {check_took:.2f} s.\n"
    )


def _row(name: str, found: dict[str, list[Measured]]) -> str:
    cells = [name]
    for number in ("rate", "server", "client"):
        cells.append(f"{statistics.median(getattr(each, number) for each in found[name]):,.0f}")
        cells.append(_ratio(name, found, number))
    cells.append(f"{statistics.median(each.others for each in found[name]):.0%}")
    return f"| {' | '.join(cells)} |"


def _ratio(name: str, found: dict[str, list[Measured]], number: str) -> str:
    if name == HTTP:
        return "1"
    rounds = list(zip(found[name], found[HTTP], strict=True))
    pairs = [(getattr(mine, number), getattr(theirs, number)) for mine, theirs in rounds]
    return tables.ratio(pairs, [max(mine.others, theirs.others) for mine, theirs in rounds])


def headline(found: dict[str, list[Measured]]) -> str:
    """Return the line for the top of the page."""
    rate, server, client = (_ratio(BATCH, found, number) for number in ("rate", "server", "client"))
    return (
        f"- Chats in a batch: **{rate} times** the requests/s of the stock client over HTTP, "
        f"{IN_FLIGHT} in flight, {server} times the server's CPU, {client} times the client's.\n"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--quick", action="store_true", help="one small round, nothing written")
    given = parser.parse_args()
    rounds, count = (1, 1_000) if given.quick else (given.rounds, given.requests)
    found = play(rounds, count)
    machine = tables.machine("openai", "litestar", "uvloop")
    text = f"{machine}\n\n{report(found, check_seconds())}\n{clients_beside(count)}"
    print(text)
    if not given.quick:
        tables.write(tables.DOCUMENT, "batches", tables=text, results=headline(found))


if __name__ == "__main__":
    main()
