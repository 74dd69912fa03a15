r"""Measures what a proxied event and call cost: Shim, a bare pass-through, LiteLLM's proxy.

    python -m tools.bench.remote
    python -m tools.bench.remote --rounds 1 --peers shim,bare

Each contestant stands before the same scripted server, which is another process, and gets the same
paced rounds in turns. Prints a table and, if all were measured, writes it to `docs/benchmarks.md`.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from tools.bench import tables
from tools.bench.child import cpu_clock, machine_seconds
from tools.bench.remote.load import CALLS, EVENTS, send
from tools.bench.server import Server, starting

SHIM, BARE, LITELLM = "shim", "bare", "litellm"
PEERS = (SHIM, BARE, LITELLM)
LITELLM_PYTHON = Path("build") / "bench-litellm" / "bin" / "python"
ROUNDS = 7

_SHIM = """
[[models]]
id = "m"
backend = "remote"
upstreams = [{{ url = "{url}/v1", key = "sk-upstream" }}]
"""
_LITELLM = """
model_list:
  - model_name: m
    litellm_params: {{ model: openai/m, api_base: "{url}/v1", api_key: sk-upstream }}
"""

_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    # No contestant checks keys: here all of them listen on loopback.
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}


class Measured(Struct, frozen=True):
    """One round of one contestant."""

    cpu: float
    """Microseconds of the contestant's CPU for each event or call."""
    rate: float
    """Events or calls per second."""
    others: float
    """Share of the machine that all other processes took."""


@contextmanager
def contestants(names: list[str], url: str, folder: Path) -> Iterator[dict[str, Server]]:
    """Start the contestants in front of the server at *url*."""
    shim, litellm = folder / "shim.toml", folder / "litellm.yaml"
    shim.write_text(_SHIM.format(url=url))
    litellm.write_text(_LITELLM.format(url=url))
    proxy = ("litellm.proxy.proxy_cli", "--host", "127.0.0.1", "--config", str(litellm))
    with ExitStack() as stack:
        servers = {}
        for name in names:
            log = folder / f"{name}.log"
            match name:
                case "shim":
                    server = starting(log, "shim", "serve", "--config", str(shim))
                case "bare":
                    server = starting(log, "tools.bench.remote.bare", "--upstream", url)
                case _:
                    server = starting(log, *proxy, python=LITELLM_PYTHON, **_ENVIRONMENT)
            servers[name] = stack.enter_context(server)
        for server in servers.values():
            server.wait()
        yield servers


def measured(server: Server, behind: Server, unit: str) -> Measured:
    """Send one round through *server*, which sends it on to *behind*."""
    port = int(server.url.rpartition(":")[2])
    taking_part = (server.pid, behind.pid, os.getpid())
    before = [cpu_clock(pid) for pid in taking_part]
    busy, had = machine_seconds()
    start = time.perf_counter()
    count = asyncio.run(send(port, unit))
    seconds = time.perf_counter() - start
    took = [cpu_clock(pid) - then for pid, then in zip(taking_part, before, strict=True)]
    busy, had = (now - then for now, then in zip(machine_seconds(), (busy, had), strict=True))
    others = max(busy - sum(took), 0) / had
    return Measured(took[0] / count * 1e6, count / seconds, others)


def play(names: list[str], rounds: int) -> dict[str, dict[str, list[Measured]]]:
    """Return the rounds of each contestant, by what was counted."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        log = Path(folder) / "upstream.log"
        behind = stack.enter_context(starting(log, "tools.bench.remote.upstream"))
        behind.wait()
        servers = stack.enter_context(contestants(names, behind.url, Path(folder)))
        results: dict[str, dict[str, list[Measured]]] = {
            unit: {name: [] for name in names} for unit in (EVENTS, CALLS)
        }
        for number in range(-1, rounds):  # the first one warms up
            for unit, by_name in results.items():
                for name, server in servers.items():
                    result = measured(server, behind, unit)
                    print(f"{number} {name}: {result.cpu:.1f} µs a {unit}", file=sys.stderr)
                    if number >= 0:
                        by_name[name].append(result)
        return results


def report(results: dict[str, dict[str, list[Measured]]]) -> str:
    """Return the tables."""
    names = list(results[CALLS])
    columns = ["contestant", "CPU, µs", *(f"CPU ÷ {name}" for name in names), "per second"]
    parts = [f"    {' '.join(['python -m tools.bench.remote', *sys.argv[1:]])}\n"]
    for unit, by_name in results.items():
        rows = [_row(name, by_name) for name in names]
        parts.append(f"Per {unit}:\n\n{tables.table([*columns, tables.OTHERS], rows)}")
    return "\n".join(parts)


def _row(name: str, by_name: dict[str, list[Measured]]) -> str:
    mine = by_name[name]
    ratios = []
    for other, theirs in by_name.items():
        pairs = [(a.cpu, b.cpu) for a, b in zip(mine, theirs, strict=True)]
        others = [max(a.others, b.others) for a, b in zip(mine, theirs, strict=True)]
        ratios.append("1" if other == name else tables.ratio(pairs, others))
    cells = [
        name,
        f"{statistics.median(each.cpu for each in mine):.1f}",
        *ratios,
        f"{statistics.median(each.rate for each in mine):,.0f}",
        f"{100 * statistics.median(each.others for each in mine):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def headlines(results: dict[str, dict[str, list[Measured]]]) -> str:
    """Return the lines for the top of the page."""
    lines = []
    for unit, by_name in results.items():
        cells = _row(SHIM, by_name).split(" | ")
        lines.append(
            f"- A {unit} passed on to another server: **{cells[1]} µs** of CPU, {cells[3]} times a "
            f"bare pass-through's, {cells[4]} times LiteLLM's.\n"
        )
    return "".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(PEERS))
    parser.add_argument("--quick", action="store_true", help="one round, nothing written")
    arguments = parser.parse_args()
    names = [name for name in PEERS if name in arguments.peers]
    results = play(names, 1 if arguments.quick else arguments.rounds)
    machine = tables.machine("aiohttp", "uvicorn", "uvloop")
    if LITELLM in names:
        machine = f"{machine[:-1]}, {litellm_version()}."
    text = f"{machine}\n\n{report(results)}"
    print(text)
    if names == list(PEERS) and not arguments.quick:
        tables.write(tables.DOCUMENT, "remote", tables=text, results=headlines(results))


def litellm_version() -> str:
    """Return the release of LiteLLM that is measured."""
    code = "from importlib.metadata import version; print(version('litellm'))"
    done = subprocess.run(  # noqa: S603  our own interpreter
        [LITELLM_PYTHON, "-c", code], check=True, capture_output=True, text=True
    )
    return f"LiteLLM {done.stdout.strip()}"


if __name__ == "__main__":
    main()
