"""Requests go to a live server, many at once, and every answer is judged."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from tests.live import LiveServer

AT_ONCE = 16
SECONDS = 60.0
FAILURES = {"server_error", "service_unavailable_error"}
KEYS = {"message", "type", "param", "code"}


@dataclass(frozen=True)
class Case:
    """One request."""

    route: str
    headers: dict[str, str]
    content: bytes
    method: str = "POST"

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.headers} {self.content[:2000]!r}"


async def fuzz(
    server: LiveServer, cases: Iterable[Case], probes: Sequence[Case] = ()
) -> tuple[Counter[int], list[str]]:
    """Send *cases*; return how many had which status, and what was wrong.

    The *probes* are sent before and after, and have to be answered the same.
    """
    seen: Counter[int] = Counter()
    wrong: list[str] = []
    waiting = iter(cases)

    async def worker(http: httpx.AsyncClient) -> None:
        for case in waiting:
            status, fault = await _sent(http, case)
            seen[status] += 1
            if fault:
                wrong.append(f"{fault}: {case}")

    async with httpx.AsyncClient(base_url=server.url, timeout=SECONDS) as http:
        before = [await _told(http, probe) for probe in probes]
        await asyncio.gather(*(worker(http) for _ in range(AT_ONCE)))
        after = [await _told(http, probe) for probe in probes]
        ready = await http.get("/ready")
    if before != after or ready.status_code != httpx.codes.OK:
        wrong.append(f"{ready.text}, and {before} became {after}")
    return seen, wrong


async def _told(http: httpx.AsyncClient, probe: Case) -> Any:
    answer = await http.post(probe.route, content=probe.content, headers=probe.headers)
    told = answer.raise_for_status().json()
    return {name: value for name, value in told.items() if name not in ("id", "created")}


async def _sent(http: httpx.AsyncClient, case: Case) -> tuple[int, str | None]:
    try:
        answer = await http.request(
            case.method, case.route, content=case.content, headers=case.headers
        )
    except httpx.HTTPError as error:
        return 0, repr(error)
    return answer.status_code, _fault(answer)


# ── judging ───────────────────────────────────────────────────────────────────


def _fault(answer: httpx.Response) -> str | None:
    """Return what is wrong with *answer*; None: nothing."""
    kind = answer.headers["content-type"].partition(";")[0]
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return answer.text
    if answer.status_code >= httpx.codes.BAD_REQUEST:
        good = kind == "application/json" and answer.json()["error"].keys() == KEYS
        return None if good else f"no error of OpenAI's: {answer.text}"
    if kind == "text/event-stream":
        return _fault_of_stream(answer.text)
    if kind == "application/json":
        whole = msgspec.json.decode(answer.content)  # stricter than `json`, which takes NaN
        return _fault_of_list(whole) if isinstance(whole, dict) else None
    return None


def _fault_of_list(whole: dict[str, Any]) -> str | None:
    """Return what is wrong with the failed items of a list, as of recordings."""
    items = whole.get("data") or []
    failed = [item for item in items if isinstance(item, dict) and item.get("object") == "error"]
    wrong = [
        item
        for item in failed
        if item["status"] >= httpx.codes.INTERNAL_SERVER_ERROR or item["error"].keys() != KEYS
    ]
    return f"items that failed: {wrong}" if wrong else None


def _fault_of_stream(text: str) -> str | None:
    *events, rest = text.split("\n\n")
    if rest:
        return f"a stream that breaks off: {rest!r}"
    if not events:
        return "an empty stream"
    named = events[0].startswith("event: ")
    if not named and events.pop() != "data: [DONE]":
        return "a stream without its end"
    data = [msgspec.json.decode(event.partition("data: ")[2]) for event in events]
    if failed := [e for e in data if (e.get("error") or {}).get("type") in FAILURES]:
        return f"a stream that failed: {failed}"
    if named and data[-1]["type"] not in ("response.completed", "response.incomplete", "error"):
        return f"a response without its end: {data[-1]}"
    return None


# ── commands ──────────────────────────────────────────────────────────────────


def run(
    cases: Callable[[int, int], Iterator[Case]],
    serving: AbstractContextManager[LiveServer],
    probes: Sequence[Case] = (),
) -> None:
    """Run a command that sends *cases* (of a seed, so many) and prints what was seen."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cases", type=int, default=5000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    with serving as server:
        seen, wrong = asyncio.run(fuzz(server, cases(given.seed, given.cases), probes))
    print("\n".join(wrong))  # noqa: T201
    print(dict(sorted(seen.items())), f"{len(wrong)} wrong")  # noqa: T201
    sys.exit(bool(wrong))
