r"""Measures what a cluster costs the server: one process, Shim on Ray, and Ray's own defaults.

    python -m tools.bench.cluster
    python -m tools.bench.cluster --quick

All serve the same fake engine, and get the same rounds in turns. Then one server with 1, 2 and 4
replicas of an engine that sleeps. Prints tables, and writes them to `docs/benchmarks.md`.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from tests.cluster.nodes import replicas, running
from tools.bench import tables
from tools.bench.child import Child, cpu_clock, machine_seconds
from tools.bench.server import Server, starting

ALONE, SHIM, PLAIN = "one process", "Shim on Ray", "Ray's defaults"
PEERS = (ALONE, SHIM, PLAIN)
ROUNDS = 5
REPLICAS = (1, 2, 4)

ENGINE = """
[[models]]
id = "{id}"
backend = "fake"
source = "chat"
max_running = {slots}
options = {{ seconds_per_item = {seconds} }}
cluster = {{ replicas = {replicas}, num_cpus = 0.1 }}
"""


class Load(Struct, frozen=True):
    """Requests of one kind, so many in flight."""

    title: str
    kind: str
    """As `tools.bench.chat.load` names it."""
    in_flight: int
    requests: int
    tokens: int
    """Of each answer."""

    @property
    def units(self) -> int:
        """What is counted: the tokens of streams, or whole answers."""
        return self.requests * (self.tokens if self.kind == "streamed" else 1)


COSTS = (
    Load("A streamed token, 32 streams of 100 tokens/s", "streamed", 32, 64, 100),
    Load("A streamed token, 128 streams that want 100 tokens/s", "streamed", 128, 128, 50),
    Load("A call with a whole answer of 20 tokens, 64 in flight", "whole", 64, 320, 20),
)
SLOTS, PACE = 32, 0.02
"""Requests at once of each replica whose number grows, and seconds for each of their tokens."""


class Measured(Struct, frozen=True):
    """One round of one contestant."""

    front: float
    """Microseconds of the server's CPU for each token or call."""
    replica: float
    """The same of the replicas, together."""
    rate: float
    """Tokens or calls per second."""
    others: float
    """Share of the machine that all other processes took."""


class Contestant(Struct, frozen=True):
    """A server, and what its replicas' processes have in their titles."""

    server: Server
    title: str | None = None


def measured(
    contestant: Contestant, model: str, load: Load, client: Child, raylets: list[int]
) -> Measured:
    """Send one round of *load* to *model* of a contestant."""
    found = replicas(raylets, contestant.title) if contestant.title else []
    behind = [process.pid for process in found]
    pids = [contestant.server.pid, client.pid, *behind]
    prompt = " ".join(["word"] * load.tokens)
    before, (busy, had) = [cpu_clock(pid) for pid in pids], machine_seconds()
    run = client.ask(
        url=contestant.server.url,
        model=model,
        fields={"max_tokens": load.tokens},
        prompts=[prompt] * load.requests,
        in_flight=load.in_flight,
        kind=load.kind,
    )
    took = [cpu_clock(pid) - then for pid, then in zip(pids, before, strict=True)]
    busy, had = (now - then for now, then in zip(machine_seconds(), (busy, had), strict=True))
    return Measured(
        front=took[0] / load.units * 1e6,
        replica=sum(took[2:]) / load.units * 1e6,
        rate=load.units / run.seconds,
        others=max(busy - sum(took), 0) / had,
    )


Costs = dict[Load, dict[str, list[Measured]]]
Scaled = dict[int, list[Measured]]


@contextmanager
def contestants(address: str, folder: Path) -> Iterator[dict[str, Contestant]]:
    """Start the three servers, two of them on the cluster at *address*."""
    config, scaled = folder / "cost.toml", folder / "scaled.toml"
    config.write_text(ENGINE.format(id="cost", slots=256, seconds=0.01, replicas=1))
    scaled.write_text(config.read_text() + "".join(map(_scaled, REPLICAS)))
    with ExitStack() as stack:

        def start(name: str, module: str, *arguments: str) -> Server:
            log = folder / f"{name}.log"
            server = stack.enter_context(starting(log, module, *arguments, RAY_ADDRESS=address))
            server.wait()
            return server

        alone = start(ALONE, "shim", "serve", "--config", str(config))
        shim = start(SHIM, "shim", "serve", "--config", str(scaled), "--cluster", address)
        plain = start(PLAIN, "tools.bench.cluster.plain", "--config", str(config))
        yield {
            ALONE: Contestant(alone),
            SHIM: Contestant(shim, "shim-cost"),
            PLAIN: Contestant(plain, "plain-cost"),
        }


def _scaled(count: int) -> str:
    return ENGINE.format(id=f"sleeps-{count}", slots=SLOTS, seconds=PACE, replicas=count)


def play(rounds: int) -> tuple[Costs, Scaled]:
    """Return the rounds of each contestant for each load, and of each number of replicas."""
    costs: Costs = {load: {name: [] for name in PEERS} for load in COSTS}
    scaled: Scaled = {count: [] for count in REPLICAS}
    with (
        tempfile.TemporaryDirectory() as folder,
        running() as cluster,
        contestants(cluster["address"], Path(folder)) as servers,
        Child("tools.bench.chat.load") as client,
    ):
        raylets = cluster["raylets"]
        for number in range(-1, rounds):  # the first one warms up
            for load, by_name in costs.items():
                for name, contestant in servers.items():
                    result = measured(contestant, "cost", load, client, raylets)
                    _say(number, f"{load.title}, {name}", result)
                    by_name[name] += [result] if number >= 0 else []
            for count in REPLICAS:
                shim = Contestant(servers[SHIM].server, f"shim-sleeps-{count}")
                in_flight = SLOTS * count
                load = Load(str(count), "streamed", in_flight, 2 * in_flight, 100)
                result = measured(shim, f"sleeps-{count}", load, client, raylets)
                _say(number, f"{count} replicas", result)
                scaled[count] += [result] if number >= 0 else []
    return costs, scaled


def _say(number: int, what: str, result: Measured) -> None:
    """Print progress to stderr; the tables go to stdout."""
    print(
        f"{number} {what}: {result.front:.1f} + {result.replica:.1f} µs, {result.rate:.0f}/s, "
        f"others {result.others:.0%}",
        file=sys.stderr,
    )


def report(costs: Costs, scaled: Scaled) -> str:
    """Return the tables."""
    columns = ["", "server's CPU, µs", "replica's CPU, µs", f"server's CPU ÷ {PLAIN}", "per second"]
    parts = []
    for load, by_name in costs.items():
        rows = [_row(name, by_name) for name in PEERS]
        parts.append(f"{load.title}:\n\n{tables.table([*columns, tables.OTHERS], rows)}")
    columns = ["replicas", "tokens/s", "÷ 1 replica", "÷ the engines' own", "server's CPU, µs"]
    rows = [_scaled_row(count, scaled) for count in scaled]
    parts.append(
        f"Replicas of {SLOTS} streams that need {PACE * 1000:.0f} ms for each token:\n\n"
        f"{tables.table([*columns, tables.OTHERS], rows)}"
    )
    return "\n".join(parts)


def _median(results: list[Measured], name: str) -> float:
    return statistics.median(getattr(each, name) for each in results)


def _row(name: str, by_name: dict[str, list[Measured]]) -> str:
    mine, theirs = by_name[name], by_name[PLAIN]
    pairs = [(a.front, b.front) for a, b in zip(mine, theirs, strict=True)]
    others = [max(a.others, b.others) for a, b in zip(mine, theirs, strict=True)]
    cells = [
        name,
        f"{_median(mine, 'front'):.0f}",
        "" if name == ALONE else f"{_median(mine, 'replica'):.0f}",
        tables.ratio(pairs, others),
        f"{_median(mine, 'rate'):,.0f}",
        f"{_median(mine, 'others'):.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _scaled_row(count: int, scaled: Scaled) -> str:
    results = scaled[count]
    pairs = [(a.rate, b.rate) for a, b in zip(results, scaled[1], strict=True)]
    others = [max(a.others, b.others) for a, b in zip(results, scaled[1], strict=True)]
    cells = [
        str(count),
        f"{_median(results, 'rate'):,.0f}",
        tables.ratio(pairs, others),
        f"{_median(results, 'rate') / (count * SLOTS / PACE):.0%}",
        f"{_median(results, 'front'):.0f}",
        f"{_median(results, 'others'):.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def headlines(costs: Costs, scaled: Scaled) -> str:
    """Return the lines for the top of the page."""
    streamed, _, whole = (_row(SHIM, by_name).split(" | ") for by_name in costs.values())
    alone = [_median(by_name[ALONE], "front") for by_name in costs.values()]
    most = _scaled_row(REPLICAS[-1], scaled).split(" | ")
    return (
        f"- A token streamed from a replica on Ray: **{streamed[1]} µs** of the server's CPU, "
        f"{streamed[3]} times that with Ray's defaults; {alone[0]:.0f} µs without a cluster.\n"
        f"- A call of a replica on Ray: **{whole[1]} µs**, {whole[3]} times that with Ray's "
        f"defaults; {alone[2]:.0f} µs without a cluster.\n"
        f"- {REPLICAS[-1]} replicas that sleep: **{most[2]} times** the tokens/s of one.\n"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="one round, nothing written")
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path.cwd())  # of the replicas
    begin = time.monotonic()
    costs, scaled = play(1 if given.quick else given.rounds)
    machine = tables.machine("ray", "litestar", "uvicorn")
    command = f"    {' '.join(['python -m tools.bench.cluster', *sys.argv[1:]])}\n"
    text = f"{command}\n{machine} Medians of {given.rounds} rounds.\n\n{report(costs, scaled)}"
    print(text)
    print(f"{time.monotonic() - begin:.0f} s", file=sys.stderr)
    if not given.quick:
        tables.write(
            tables.DOCUMENT, "cluster", tables=f"\n{text}", results=headlines(costs, scaled)
        )


if __name__ == "__main__":
    main()
