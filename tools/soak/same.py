"""Compares answers under load with those alone: thousands of requests, many in flight.

    python -m tools.soak same --models pulled --speech compute_type=float32 max_batch=1

Each of some different requests is sent alone, twice. Then they are sent in a random order, again
and again, so many in flight. The tables count the answers that are not the first one alone.
"""

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from backends.catalogue.cache import Cache
from evals.local_server import serving
from tools.soak.findings import Findings
from tools.soak.mixed import Request, chat, loglikelihood, transcription
from tools.soak.recordings import CLIPS, read

BUILTIN = Path(__file__).parents[2] / "backends" / "builtin"
PULLED = Cache.default().folder
RECORDINGS = {"toys": CLIPS, "pulled": PULLED / "recordings"}
WEIGHTS = {
    "toys": {"speech": BUILTIN / "speech", "chat": BUILTIN / "chat"},
    "pulled": {
        "speech": PULLED / "models" / "whisper-tiny.en",
        "chat": PULLED / "models" / "smollm2-135m-instruct" / "ct2-float32",
    },
}
OPTIONS: dict[str, dict[str, str | int]] = {
    "speech": {"device": "cpu", "compute_type": "int8", "cpu_threads": 1, "num_workers": 2},
    "chat": {"compute_type": "float32", "intra_threads": 1, "inter_threads": 2},
}
"""Of each model, unless the command line says otherwise."""
ENGINES = {"speech": "whisper", "chat": "ct2"}

_BATCHES = re.compile(r'shim_batch_size_(sum|count)\{call="(\w+)",model="(\w+)"\} (\S+)')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `same`."""
    parser.add_argument("--models", choices=WEIGHTS, default="toys")
    parser.add_argument("--routes", choices=["speech", "chat", "all"], default="all")
    for model in OPTIONS:
        parser.add_argument(
            f"--{model}", nargs="+", type=_option, default=[], metavar="NAME=VALUE", help="Options."
        )
    parser.add_argument("--requests", type=int, default=1000, help="Under load, in sum.")
    parser.add_argument("--different", type=int, default=64, help="Different ones, of each route.")
    parser.add_argument("--at-once", type=int, default=32, help="Requests in flight.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, default="reports/same", help="Answers that differ.")


async def same(given: argparse.Namespace) -> int:
    """Run it, print the tables, and return the number of answers that differ."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write("".join(_table(model, given) for model in OPTIONS))
        config.flush()
        command = (sys.executable, "-m", "shim", "serve", "--port", "0", "--config", config.name)
        async with serving(command) as server:
            url = await server.base_url(120)
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=url, timeout=3600, limits=limits) as http:
                return await server.during(_soak(http, _drawn(given), given))


async def _soak(http: httpx.AsyncClient, requests: list[Request], given: argparse.Namespace) -> int:
    alone = [await _send(http, request) for request in requests]
    again = Findings(given.into / "alone")
    for at, request in enumerate(requests):
        again.compare(at, request, alone[at], await _send(http, request))
    print(f"Alone, twice:\n\n{again.table()}\n", flush=True)
    loaded = Findings(given.into)
    todo = _shuffled(len(requests), given.requests, random.Random(given.seed))

    async def keep_busy() -> None:
        for at in todo:
            loaded.compare(at, requests[at], alone[at], await _send(http, requests[at]))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(given.at_once):
            tasks.create_task(keep_busy())
    print(f"{given.at_once} in flight:\n\n{loaded.table()}\n\nCalls in a batch, mean:")
    print(await _batch_sizes(http))
    return again.differ + loaded.differ


def _option(text: str) -> tuple[str, str | int]:
    name, _, value = text.partition("=")
    return name, int(value) if value.isdecimal() else value


def _table(model: str, given: argparse.Namespace) -> str:
    """Return the configuration of *model*, "speech" or "chat", as TOML.

    All requests in flight are in work.
    """
    options = OPTIONS[model] | dict(getattr(given, model))
    top = {
        "id": model,
        "backend": ENGINES[model],
        "source": str(WEIGHTS[given.models][model]),
        "max_running": given.at_once,
    }
    return f"[[models]]\n{_lines(top)}[models.options]\n{_lines(options)}"


def _lines(values: Mapping[str, str | int]) -> str:
    # A number or a text of JSON is one of TOML, too.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def _drawn(given: argparse.Namespace) -> list[Request]:
    """Return `given.different` requests to each of the routes."""
    draw = random.Random(given.seed)
    requests = []
    if given.routes != "chat":
        clips = read(RECORDINGS[given.models])
        requests += [transcription(draw, clips) for _ in range(given.different)]
    if given.routes != "speech":
        requests += [draw.choice([chat, loglikelihood])(draw) for _ in range(given.different)]
    return requests


def _shuffled(different: int, count: int, draw: random.Random) -> Iterator[int]:
    """Yield *count* numbers below *different*: all of them, then all in another order, and on."""
    places: list[int] = []
    for _ in range(count):
        places = places or draw.sample(range(different), different)
        yield places.pop()


async def _send(http: httpx.AsyncClient, request: Request) -> bytes:
    """Return the body of the answer; raise httpx.HTTPStatusError for a refusal."""
    answer = await http.post(request.path, content=request.body, headers=request.headers)
    answer.raise_for_status()
    return answer.content


async def _batch_sizes(http: httpx.AsyncClient) -> dict[str, float]:
    """Return the mean number of calls in a batch, by model and kind of call."""
    metrics = (await http.get(str(http.base_url.join("/metrics")))).text
    found = {(model, call, what): float(n) for what, call, model, n in _BATCHES.findall(metrics)}
    return {
        f"{model} {call}": round(calls / found[model, call, "count"], 1)
        for (model, call, what), calls in found.items()
        if what == "sum" and calls
    }
