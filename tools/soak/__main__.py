"""Loads that a server has to stand, and what it held and took meanwhile.

    python -m tools.soak burst    512 recordings at once, /health and a chat meanwhile
    python -m tools.soak upload   a file of 500 MB, before anything is decoded
    python -m tools.soak hours    two hours in one file
    python -m tools.soak many     2,000 requests, one after the other batch
    python -m tools.soak same     different requests at once: each is answered as it is alone

Figures are of the built-in models, in MB of 10^6 bytes and in seconds.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from evals.local_server import Server, serving
from tools.soak.memory import forget_peak, megabytes
from tools.soak.recordings import RATE, form, spoken, wav
from tools.soak.same import add_arguments, same

COMMAND = (sys.executable, "-m", "shim", "serve", "toys", "--port", "0")
# Nothing that is drawn at random: the same recording has to have the same answer.
SURE = {"model": "whisper-1", "language": "en", "temperatures": "0"}
AT_ONCE = 16


class Soak:
    """A server, and a client of it."""

    def __init__(self, server: Server, url: str, http: httpx.AsyncClient) -> None:
        self.pid = server.process.pid
        self.url = url
        self.http = http

    async def transcribe(self, file: bytes, **fields: str) -> str:
        """Return the answer; raise httpx.HTTPStatusError for a refusal."""
        headers, body = form(file, **SURE, **fields)
        answer = await self.http.post(
            f"{self.url}/audio/transcriptions", content=body, headers=headers
        )
        answer.raise_for_status()
        return answer.text

    async def all(self, files: list[bytes], at_once: int) -> list[str]:
        """Transcribe *files*, so many at once."""
        slots = asyncio.Semaphore(at_once)

        async def one(file: bytes) -> str:
            async with slots:
                return await self.transcribe(file)

        return await asyncio.gather(*map(one, files))


@asynccontextmanager
async def soaking() -> AsyncIterator[Soak]:
    """Start a server with the built-in models, and warm it up."""
    limits = httpx.Limits(max_connections=None)
    async with serving(COMMAND) as server, httpx.AsyncClient(timeout=3600, limits=limits) as http:
        soak = Soak(server, await server.base_url(60), http)
        await soak.all([wav(spoken(20, random.Random(0)))] * 32, AT_ONCE)
        yield soak


async def burst(count: int = 512) -> dict[str, Any]:
    """Send recordings of 1 to 20 s all at once; each has to be answered as it is alone."""
    draw = random.Random(1)
    different = [wav(spoken(draw.uniform(1, 20), draw)) for _ in range(64)]
    async with soaking() as soak:
        alone = [await soak.transcribe(file) for file in different]
        probes = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools.soak.probes", soak.url.removesuffix("/v1")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        began = time.perf_counter()
        files = [different[at % len(different)] for at in range(count)]
        answers = await soak.all(files, at_once=count)
        took = time.perf_counter() - began
        told, _ = await probes.communicate(b"")  # or its input would never end
    right = sum(answers[at] == alone[at % len(alone)] for at in range(count))
    return {"sent": count, "right": right, "seconds": took, **json.loads(told)}


async def upload(size: int = 500_000_000) -> dict[str, Any]:
    """Send a file that is no audio: all of it arrives, nothing of it is decoded."""
    async with soaking() as soak:
        held = megabytes(soak.pid)
        forget_peak(soak.pid)
        headers, body = form(bytes(size), **SURE)
        began = time.perf_counter()
        answer = await soak.http.post(
            f"{soak.url}/audio/transcriptions", content=body, headers=headers
        )
        return {
            "bytes": size,
            "status": answer.status_code,
            "seconds": time.perf_counter() - began,
            "held_before": held,
            "raised_by": megabytes(soak.pid, "VmHWM") - held,
        }


async def hours(count: float = 2) -> dict[str, Any]:
    """Send one long recording; all of it has to be answered for."""
    samples = spoken(count * 3600, random.Random(2))
    async with soaking() as soak:
        held = megabytes(soak.pid)
        forget_peak(soak.pid)
        began = time.perf_counter()
        answer = json.loads(await soak.transcribe(wav(samples), response_format="verbose_json"))
        return {
            "hours": len(samples) / RATE / 3600,
            "seconds": time.perf_counter() - began,
            "segments": len(answer["segments"]),
            "last_segment_ends": answer["segments"][-1]["end"],
            "held_before": held,
            "raised_by": megabytes(soak.pid, "VmHWM") - held,
            "held_after": megabytes(soak.pid),
        }


async def many(count: int = 2000) -> dict[str, Any]:
    """Send recordings in ten equal parts; what is held is told after each."""
    draw = random.Random(3)
    different = [wav(spoken(draw.uniform(1, 6), draw)) for _ in range(50)]
    part = [different[at % len(different)] for at in range(count // 10)]
    held = []
    async with soaking() as soak:
        for _ in range(10):
            await soak.all(part, AT_ONCE)
            held.append(round(megabytes(soak.pid)))
    return {"requests": 10 * len(part), "held_after_each_tenth": held}


LOADS = {"burst": burst, "upload": upload, "hours": hours, "many": many}


def main() -> None:
    """Run one of them, and print its figures."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = arguments.add_subparsers(dest="load", required=True)
    for name in LOADS:
        words.add_parser(name).add_argument(
            "--amount", type=float, help="Requests, bytes or hours."
        )
    add_arguments(words.add_parser("same", help="Exits with 1 if an answer differs."))
    given = arguments.parse_args()
    if given.load == "same":
        sys.exit(asyncio.run(same(given)) > 0)
    load = LOADS[given.load]
    amount = () if given.amount is None else (given.amount if load is hours else int(given.amount),)
    print(json.dumps(asyncio.run(load(*amount)), indent=2))


if __name__ == "__main__":
    main()
