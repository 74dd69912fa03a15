"""Send wrong files and requests for batches: `python -m tests.fuzz.batches --cases 5000 --seed 1`.

So many lines and so many requests. No answer may be a 5xx, and none that of a line. A file with
faults is refused with each of them at its line; without the lines that are named it runs, and each
line has one result. Every refusal of a request has OpenAI's shape.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.fuzz.batch_lines import Line, files
from tests.fuzz.damage import damaged
from tests.fuzz.mutations import encoded, mutated, odd
from tests.fuzz.sending import SECONDS, Case, fuzz
from tests.live import FAKE_VECTORS, KEY, LiveServer, serving

FINAL = ("completed", "failed", "expired", "cancelled")
SERVER_ERROR = 500

_AUTHORIZED = {"authorization": f"Bearer {KEY}"}
_JSON = {**_AUTHORIZED, "content-type": "application/json"}
_FORM = {**_AUTHORIZED, "content-type": "multipart/form-data; boundary=b"}


@contextmanager
def serving_batches() -> Iterator[LiveServer]:
    """Serve engines that answer at once, with batches in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "shim.toml"
        config.write_text(
            f'[server]\napi_keys = ["{KEY}"]\n[server.limits]\nrefusal_delay_seconds = 0\n'
            f'[batches]\ndirectory = "{folder}/batches"\n'
            f'[[models]]\nid = "echo"\nbackend = "fake"\nsource = "chat"\n{FAKE_VECTORS}'
        )
        with serving("--config", str(config)) as live:
            yield live


# ── requests ──────────────────────────────────────────────────────────────────


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yield *count* requests, the same for the same *seed*."""
    for number in range(count):
        draw = random.Random(f"{seed}/request/{number}")  # noqa: S311
        yield draw.choice((_batch, _batch, _upload, _upload, _found))(draw)


def _batch(draw: random.Random) -> Case:
    body = {
        "input_file_id": draw.choice((f"file-{draw.randrange(16**36):036x}", "file-1", "..")),
        "endpoint": "/v1/chat/completions",
        "completion_window": draw.choice(("24h", "7d", "1y")),
        "metadata": {"a": "b"},
        "output_expires_after": {"anchor": "created_at", "seconds": 3600},
    }
    content = encoded(mutated(draw, body))
    if draw.random() < 0.2:
        content = damaged(draw, content)
    return Case("/v1/batches", _JSON, content)


def _upload(draw: random.Random) -> Case:
    fields: dict[str, Any] = {
        "purpose": draw.choice(("batch", "user_data", "assistants", "nothing")),
        "expires_after[anchor]": "created_at",
        "expires_after[seconds]": 3600,
    }
    if draw.random() < 0.5:
        fields[draw.choice([*fields, "more"])] = odd(draw)
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        + str(value).encode(errors="replace")[:10_000]
        for name, value in fields.items()
    ]
    name = draw.choice(("a.jsonl", "../../etc/passwd", "", "é\x00", "x" * 3000))
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    content = b"\r\n".join([*parts, head.encode() + draw.randbytes(50), b"--b--\r\n"])
    if draw.random() < 0.5:
        content = damaged(draw, content)
    return Case("/v1/files", _FORM, content)


def _found(draw: random.Random) -> Case:
    """Return a request for what is not there, or for an odd page."""
    given = draw.choice(("", "file-", "batch_", "..%2f..%2fetc", "%00", "a" * 3000, "é"))
    one = draw.choice(("files", "batches"))
    query = f"limit={draw.choice(('0', '-1', 'x', '5', '1e3', '9' * 30))}&after={given}"
    return draw.choice(
        (
            Case(f"/v1/{one}/{given}", _AUTHORIZED, b"", "GET"),
            Case(f"/v1/{one}?{query}", _AUTHORIZED, b"", "GET"),
            Case(f"/v1/files/{given}/content", _AUTHORIZED, b"", "GET"),
            Case(f"/v1/files/{given}", _JSON, b"", "DELETE"),
            Case(f"/v1/batches/{given}/cancel", _JSON, b"", "POST"),
        )
    )


# ── lines ─────────────────────────────────────────────────────────────────────


async def fuzz_lines(
    server: LiveServer, seed: int, count: int
) -> tuple[Counter[str | int], list[str]]:
    """Run *count* lines; return how many had which fault or status, and what was wrong."""
    seen: Counter[str | int] = Counter()
    wrong: list[str] = []
    base, timeout = f"{server.url}/v1/", httpx.Timeout(SECONDS)
    async with httpx.AsyncClient(base_url=base, headers=_AUTHORIZED, timeout=timeout) as http:
        for endpoint, lines in files(seed, count):
            wrong += [fault async for fault in _judged(http, endpoint, lines, seen)]
    return seen, wrong


async def _judged(
    http: httpx.AsyncClient, endpoint: str, lines: list[Line], seen: Counter[str | int]
) -> Any:
    """Run a file, then what is left without its faults; yield what is wrong with the results."""
    named = await _faults(http, endpoint, lines)
    seen.update(named.values())
    for number, line in enumerate(lines, 1):
        code = named.get(number, "")
        if line.code is not None and code != line.code:
            yield f"{code!r} instead of {line.code!r}: {line.text[:500]!r}"
    left = [line for number, line in enumerate(lines, 1) if number not in named]
    if not left:
        return
    batch = await _run(http, endpoint, left)
    if batch["status"] != "completed":
        yield f"{batch['status']}, {batch['errors']}, without the lines that were named: {left}"
        return
    found = [
        *await _results(http, batch["output_file_id"]),
        *await _results(http, batch["error_file_id"]),
    ]
    if len(found) != len(left) or len({one["custom_id"] for one in found}) != len(left):
        yield f"{len(left)} lines, and these results: {found}"
    for one in found:
        response = one["response"]
        status = response["status_code"] if response else 0
        seen[status] += 1
        if not response or status >= SERVER_ERROR or one["error"] is not None:
            yield f"a result that should not be: {one}"


async def _faults(http: httpx.AsyncClient, endpoint: str, lines: list[Line]) -> dict[int, str]:
    """Return the codes of the faults that the server finds, by the numbers of their lines."""
    batch = await _run(http, endpoint, lines)
    errors = (batch["errors"] or {"data": []})["data"]
    return {error["line"]: error["code"] for error in errors}


async def _run(http: httpx.AsyncClient, endpoint: str, lines: list[Line]) -> dict[str, Any]:
    """Return the batch of *lines* once it has ended."""
    content = b"".join(line.text + b"\n" for line in lines)
    uploaded = await http.post("files", data={"purpose": "batch"}, files={"file": content})
    body = {
        "input_file_id": uploaded.raise_for_status().json()["id"],
        "endpoint": endpoint,
        "completion_window": "24h",
    }
    batch: dict[str, Any] = (await http.post("batches", json=body)).raise_for_status().json()
    end = time.monotonic() + SECONDS
    while batch["status"] not in FINAL and time.monotonic() < end:
        await asyncio.sleep(0.02)
        batch = (await http.get(f"batches/{batch['id']}")).raise_for_status().json()
    return batch


async def _results(http: httpx.AsyncClient, file: str | None) -> list[Any]:
    if file is None:
        return []
    content = (await http.get(f"files/{file}/content")).raise_for_status().content
    return [json.loads(line) for line in content.splitlines()]


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with serving_batches() as server:
        lines, wrong = asyncio.run(fuzz_lines(server, given.seed, given.cases))
        requests, wrong_requests = asyncio.run(fuzz(server, cases(given.seed, given.cases)))
    print("\n".join([*wrong, *wrong_requests]))  # noqa: T201
    for what, seen in (("lines", lines), ("requests", requests)):
        counts = sorted(seen.items(), key=str)
        print(f"{what}:", ", ".join(f"{count:,} {name}" for name, count in counts))  # noqa: T201
    print(f"{len(wrong) + len(wrong_requests)} wrong")  # noqa: T201
    return int(bool(wrong or wrong_requests))


if __name__ == "__main__":
    sys.exit(main())
