r"""Measures recordings that come many in a request, against requests of one.

    python -m tools.bench.lists
    python -m tools.bench.lists --quick

The same clips go to the same server, in turns: as forms, as JSON, and in lists. First the engine
is a fake one, which leaves the cost of the front, then the built-in model. Prints tables and,
unless it is quick, writes them to `docs/benchmarks.md`.
"""

import argparse
import asyncio
import base64
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from tools.bench import load, tables
from tools.bench.child import cost
from tools.bench.server import Server, serving

CLIPS = Path("evals") / "data" / "clips"
BUILTIN = Path("backends") / "builtin" / "speech"
IN_FLIGHT = 64
"""Clips that the server has at once."""

FIELDS = {"model": "m", "temperatures": 0}


class Engine(Struct, frozen=True):
    """What transcribes in a part of the benchmark."""

    title: str
    config: str
    clips: int
    """How many are sent in a round."""
    rounds: int
    is_fake: bool = False
    """Whether it reads texts as recordings."""


ENGINES = (
    Engine(
        "A fake engine: what the front costs",
        '[[models]]\nid = "m"\nbackend = "fake"\nsource = "speech"\nmax_running = 64\n',
        clips=5000,
        rounds=3,
        is_fake=True,
    ),
    Engine(
        "The built-in model",
        f'[[models]]\nid = "m"\nbackend = "whisper"\nsource = "{BUILTIN}"\n',
        clips=500,
        rounds=1,
    ),
)


class Way(Struct, frozen=True):
    """How clips are sent."""

    name: str
    clips: int
    """In one request."""


FORM = Way("form", 1)
WAYS = (FORM, Way("`file`", 1), Way("`files`", 8), Way("`files`", 32))


class Measured(Struct, frozen=True):
    """One round of one way."""

    rate: float
    """Clips per second."""
    cpu: float
    """Milliseconds of the server's CPU for each clip, its child process included."""
    others: float
    """Share of the machine that other processes took."""
    texts: list[str]
    """Of the clips, in the order in which they were sent."""


def recordings(engine: Engine, folder: Path) -> list[Path]:
    """Return the clips; for a fake engine texts in *folder*, each as large as a clip."""
    clips = sorted(CLIPS.glob("*.flac"))
    if not engine.is_fake:
        return clips
    texts = [folder / clip.name for clip in clips]
    for clip, text in zip(clips, texts, strict=True):
        # Spaces, so that answers are short.
        text.write_text(clip.stem.ljust(clip.stat().st_size))
    return texts


def requests(way: Way, clips: Sequence[Path], host: str) -> list[bytes]:
    """Return different requests, as many as *clips*: number i begins with clip i * way.clips."""
    if way == FORM:
        return [load.request(host, FIELDS, clip) for clip in clips]
    encoded = [base64.b64encode(clip.read_bytes()).decode() for clip in clips]
    bodies: list[dict[str, Any]] = []
    for number in range(len(clips)):
        places = range(number * way.clips, (number + 1) * way.clips)
        files = [encoded[place % len(clips)] for place in places]
        bodies.append({"files": files} if way.clips > 1 else {"file": files[0]})
    return [_posted(host, json.dumps({**FIELDS, **body}).encode()) for body in bodies]


def _posted(host: str, body: bytes) -> bytes:
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: {host}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send(
    url: str, way: Way, distinct: Sequence[bytes], clips: int
) -> tuple[float, list[str]]:
    """Send at least *clips* clips; return how many seconds that took, and their texts."""
    at = urlsplit(url)
    count = -(-clips // way.clips)
    found: list[list[str]] = [[] for _ in range(count)]
    in_flight = max(IN_FLIGHT // way.clips, 1)
    connections = [
        load.Connection(*await asyncio.open_connection(at.hostname, at.port))
        for _ in range(in_flight)
    ]
    todo = iter(range(count))

    async def keep_busy(connection: load.Connection, todo: Iterator[int]) -> None:
        for number in todo:
            answer = await connection.answer(distinct[number % len(distinct)])
            items = answer["data"] if way.clips > 1 else [answer]
            found[number] = [item["text"].strip() for item in items]

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(keep_busy(connection, todo))
    seconds = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return seconds, [text for texts in found for text in texts]


def measured(server: Server, way: Way, distinct: Sequence[bytes], clips: int) -> Measured:
    """Send one round."""
    with cost(server.pid, os.getpid()) as spent:
        seconds, texts = asyncio.run(send(server.url, way, distinct, clips))
    return Measured(len(texts) / seconds, 1000 * spent.own / len(texts), spent.others, texts)


def play(engine: Engine, *, share: int) -> dict[Way, list[Measured]]:
    """Return the rounds of each way of sending, each of a *share*-th of the clips."""
    results: dict[Way, list[Measured]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "shim.toml"
        config.write_text(engine.config)
        clips = recordings(engine, folder)
        with serving(config) as server:
            host = urlsplit(server.url).netloc
            distinct = {way: requests(way, clips, host) for way in WAYS}
            for way in WAYS:  # warms up, and starts the child process
                measured(server, way, distinct[way], IN_FLIGHT)
            for number in range(engine.rounds):
                for way in WAYS:
                    result = measured(server, way, distinct[way], engine.clips // share)
                    results[way].append(result)
                    _say(f"{number} {way.name} {way.clips}: {result.rate:.1f} clips/s")
    return results


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def report(engine: Engine, results: dict[Way, list[Measured]]) -> str:
    """Return the table of an engine."""
    columns = [
        "sent as",
        "clips in a request",
        "clips/s",
        "clips/s ÷ form's",
        "CPU, ms/clip",
        "CPU ÷ form's",
        tables.OTHERS,
        tables.SAME,
    ]
    rows = [_row(way, results[way], results[FORM]) for way in WAYS]
    what = f"{engine.clips:,} clips a round; medians of the rounds: {engine.rounds}."
    return f"### {engine.title}\n\n{what}\n\n{tables.table(columns, rows)}"


def _row(way: Way, mine: Sequence[Measured], forms: Sequence[Measured]) -> str:
    pairs = list(zip(mine, forms, strict=True))
    others = [max(each.others, form.others) for each, form in pairs]
    same = [
        text == other
        for each, form in pairs
        for text, other in zip(each.texts, form.texts)  # noqa: B905
    ]
    cells = [
        way.name,
        f"{way.clips}",
        f"{statistics.median(each.rate for each in mine):,.1f}",
        tables.ratio([(each.rate, form.rate) for each, form in pairs], others),
        f"{statistics.median(each.cpu for each in mine):.2f}",
        tables.ratio([(each.cpu, form.cpu) for each, form in pairs], others),
        f"{100 * statistics.median(each.others for each in mine):.0f}%",
        f"{100 * sum(same) / len(same):.0f}%",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Read the command line, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small rounds, nothing written")
    given = parser.parse_args()
    share = 10 if given.quick else 1
    parts = [f"    {shlex.join(['python', '-m', 'tools.bench.lists', *sys.argv[1:]])}\n"]
    parts.append(f"{tables.machine('litestar', 'faster-whisper')}\n")
    lines = []
    for engine in ENGINES:
        results = play(engine, share=share)
        parts.append(report(engine, results))
        _say(parts[-1])
        lines.append(_line(engine, results))
    text = "\n".join(parts)
    print(text)
    if not given.quick:
        tables.write(tables.DOCUMENT, "lists", tables=f"\n{text}", results="".join(lines))


def _line(engine: Engine, results: dict[Way, list[Measured]]) -> str:
    largest = WAYS[-1]
    pairs = list(zip(results[largest], results[FORM], strict=True))
    others = [max(mine.others, form.others) for mine, form in pairs]
    rate = tables.ratio([(mine.rate, form.rate) for mine, form in pairs], others)
    cpu = tables.ratio([(mine.cpu, form.cpu) for mine, form in pairs], others)
    return (
        f"- {engine.title}, {largest.clips} clips in a request: **{rate} times** the clips/s of "
        f"forms with one, {cpu} times their CPU a clip.\n"
    )


if __name__ == "__main__":
    main()
