"""Whether a request is answered under load as it is alone: thousands of them, many in flight.

    python -m tools.soak same --models pulled --compute-type int8 --requests 2000

Each of the different requests is sent alone, twice; then all of them in a random order, again and
again, so many in flight. The table counts answers that are not the one alone. Where an answer
differs, the folder `--into` gets the request and both answers.
"""

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from evals.local_server import serving
from tools.soak.differences import Difference, difference
from tools.soak.mixed import Request, chat, loglikelihood, transcription
from tools.soak.recordings import CLIPS, Samples, read

BUILTIN = Path(__file__).parents[2] / "backends" / "builtin"
CACHE = Path(os.environ.get("SHIM_CACHE", "~/.cache/shim")).expanduser()
CONFIG = """
[[models]]
id = "speech"
backend = "whisper"
source = "{speech}"
max_running = {at_once}
options = {{ device = "cpu", compute_type = "{compute_type}", cpu_threads = 1, num_workers = 2, \
max_batch = {max_batch} }}

[[models]]
id = "chat"
backend = "ct2"
source = "{chat}"
max_running = {at_once}
options = {{ compute_type = "float32", intra_threads = 1, inter_threads = 2 }}
"""
WEIGHTS = {
    "toys": {"speech": BUILTIN / "speech", "chat": BUILTIN / "chat"},
    "pulled": {
        "speech": CACHE / "models" / "whisper-tiny.en",
        "chat": CACHE / "models" / "smollm2-135m-instruct" / "ct2-float32",
    },
}
_BATCHES = re.compile(r'shim_batch_size_(sum|count)\{call="(\w+)",model="speech"\} (\S+)')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `same` takes."""
    parser.add_argument("--models", choices=WEIGHTS, default="toys")
    parser.add_argument("--routes", choices=["speech", "chat", "all"], default="all")
    parser.add_argument("--compute-type", default="int8", help="Of the speech model.")
    parser.add_argument("--max-batch", type=int, default=8)
    parser.add_argument("--requests", type=int, default=1000, help="Answers to compare.")
    parser.add_argument("--different", type=int, default=64, help="Requests to each route.")
    parser.add_argument("--at-once", type=int, default=32, help="Requests in flight.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", default="reports/same", help="Folder for answers that differ.")


@dataclass
class Row:
    """What was found of one kind of request."""

    sent: int = 0
    differ: int = 0
    texts: int = 0
    times: int = 0
    time: float = 0.0
    numbers: int = 0
    number: float = 0.0

    def add(self, found: Difference) -> None:
        """Count one answer."""
        self.sent += 1
        self.differ += bool(found)
        self.texts += found.text
        self.times += found.time > 0
        self.time = max(self.time, found.time)
        self.numbers += found.number > 0
        self.number = max(self.number, found.number)


@dataclass
class Findings:
    """All rows, and the folder of the answers that differ."""

    into: Path
    rows: dict[str, Row] = field(default_factory=dict)

    def compare(self, name: str, request: Request, alone: bytes, now: bytes) -> None:
        """Count the answer *now* to *request*; keep it if it is the first that so differs."""
        found = difference(alone, now)
        self.rows.setdefault(request.kind, Row()).add(found)
        if not found:
            return
        worst = "text" if found.text else "time" if found.time else "number"
        file = self.into / f"{name}-{worst}.json"
        if not file.exists():
            self.into.mkdir(parents=True, exist_ok=True)
            pair = {"request": request.asked, "alone": alone.decode(), "now": now.decode()}
            file.write_text(json.dumps(pair, indent=2, ensure_ascii=False))

    @property
    def differ(self) -> int:
        """How many answers differ."""
        return sum(row.differ for row in self.rows.values())

    def table(self) -> str:
        """Return the rows as a table of Markdown."""
        head = "| | sent | differ | other text | other times | worst, s | other numbers | worst |"
        lines = [head, "|---|" + "---:|" * 7]
        for kind, row in sorted(self.rows.items()):
            lines.append(
                f"| {kind} | {row.sent} | {row.differ} | {row.texts} | {row.times} "
                f"| {row.time:.2f} | {row.numbers} | {row.number:.1e} |"
            )
        return "\n".join(lines)


def drawn(count: int, *, speech: Sequence[Samples], routes: str, seed: int) -> list[Request]:
    """Return *count* different requests to each of *routes*: "speech", "chat" or "all"."""
    draw = random.Random(seed)
    requests = []
    if routes in ("speech", "all"):
        requests += [transcription(draw, speech) for _ in range(count)]
    if routes in ("chat", "all"):
        requests += [draw.choice([chat, loglikelihood])(draw) for _ in range(count)]
    return requests


async def send(http: httpx.AsyncClient, request: Request) -> bytes:
    """Return the body of the answer; raise httpx.HTTPStatusError for a refusal."""
    answer = await http.post(request.path, content=request.body, headers=request.headers)
    answer.raise_for_status()
    return answer.content


async def batches(http: httpx.AsyncClient) -> dict[str, float]:
    """Return the mean number of windows in a batch, by the call to the engine."""
    metrics = (await http.get(str(http.base_url).replace("/v1", "/metrics"))).text
    numbers = {(call, what): float(n) for what, call, n in _BATCHES.findall(metrics)}
    return {
        call: round(total / numbers[call, "count"], 1)
        for (call, what), total in numbers.items()
        if what == "sum" and numbers[call, "count"]
    }


async def soak(
    http: httpx.AsyncClient, requests: list[Request], given: argparse.Namespace
) -> Findings:
    """Send all of *requests* alone, then `given.requests` of them under load; compare."""
    findings = Findings(Path(given.into))
    alone = [await send(http, request) for request in requests]
    again = Findings(findings.into / "alone")
    for at, request in enumerate(requests):
        again.compare(f"{at:03}", request, alone[at], await send(http, request))
    print("alone, a second time:\n", again.table(), flush=True)
    todo = _shuffled(len(requests), given.requests, random.Random(given.seed))

    async def keep_busy() -> None:
        for at in todo:
            now = await send(http, requests[at])
            findings.compare(f"{at:03}", requests[at], alone[at], now)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(given.at_once):
            tasks.create_task(keep_busy())
    return findings


def _shuffled(different: int, count: int, draw: random.Random) -> Iterator[int]:
    """Yield *count* places of *different* requests: round after round, each in another order."""
    places: list[int] = []
    for _ in range(count):
        places = places or draw.sample(range(different), different)
        yield places.pop()


async def same(given: argparse.Namespace) -> int:
    """Run it; print the table, and return how many answers differ."""
    speech = (
        read(CLIPS, "*.flac") if given.models == "toys" else read(CACHE / "recordings", "*.wav")
    )
    requests = drawn(given.different, speech=speech, routes=given.routes, seed=given.seed)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write(CONFIG.format(**WEIGHTS[given.models], **vars(given)))
        config.flush()
        command = (sys.executable, "-m", "shim", "serve", "--port", "0", "--config", config.name)
        async with serving(command) as server:
            url = await server.base_url(120)
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=url, timeout=3600, limits=limits) as http:
                findings = await server.during(soak(http, requests, given))
                print("windows in a batch:", await batches(http))
    print(findings.table())
    return findings.differ
