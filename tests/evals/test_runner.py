"""Runs: the number of requests at once, the effect of failures, the results that are kept."""

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pytest
from openai import AsyncOpenAI

from evals.ask.client import connect
from evals.ask.task import Task
from evals.dataset import Clip, Dialogue
from evals.failures import NotARun
from evals.journal import Journal, recorded
from evals.result import Answer, Failure, Result, Tally
from evals.runner import attempt, run, score
from evals.score.scorers import judge
from tests.evals.scripted_server import ScriptedServer, error

DIALOGUES = [
    Dialogue(index=index, id=str(index), target="4", metadata={}, messages=[])
    for index in range(10)
]
FAILURE = Failure(type="BadRequestError", message="no", status=400)


def result(index: int = 0, *, text: str | None = "4") -> Result:
    """Return a result: an answer, or a failure for None."""
    failed = text is None
    return Result(
        index=index,
        id=str(index),
        status="failed" if failed else "ok",
        target="4",
        answer=None if text is None else Answer(text=text),
        error=FAILURE if failed else None,
        latency=0.1,
    )


def never(_: Result) -> bool:
    """Stop after no result."""
    return False


def failed(result: Result) -> bool:
    """Stop after a failure."""
    return result.status == "failed"


async def test_no_more_than_asked_at_once() -> None:
    """The concurrency bounds the running requests, and every sample is sent once."""
    busy, peak, kept = 0, 0, []

    async def work(sample: Dialogue) -> Result:
        nonlocal busy, peak
        busy += 1
        peak = max(peak, busy)
        await asyncio.sleep(0)
        busy -= 1
        return result(sample.index)

    complete = await run(DIALOGUES, work, concurrency=3, stop=never, keep=kept.append)

    assert (complete, peak) == (True, 3)
    assert [one.index for one in kept] == list(range(10))


async def test_stop_ends_the_run() -> None:
    """The first failure ends the run: it is kept, requests under way are cancelled."""
    kept: list[Result] = []

    async def work(sample: Dialogue) -> Result:
        if sample.index == 3:
            return result(3, text=None)
        if sample.index > 3:
            await asyncio.Event().wait()
        return result(sample.index)

    complete = await run(DIALOGUES, work, concurrency=2, stop=failed, keep=kept.append)

    assert not complete
    assert [one.index for one in kept] == [0, 1, 2, 3]


async def test_a_failed_sample_is_a_result(
    server: ScriptedServer, client: AsyncOpenAI, dialogue: Dialogue
) -> None:
    """A failure is recorded with its type, status, code, message and request id."""
    server.script.append(error(400))

    failed = await attempt(client, Task(model="m"), dialogue)

    assert (failed.status, failed.answer, failed.tally) == ("failed", None, None)
    assert failed.error == Failure(
        type="BadRequestError",
        message=failed.error.message,
        status=400,
        code="broken",
        request_id="req-bad",
    )


async def test_latency_and_retries_of_a_sample(
    server: ScriptedServer, client: AsyncOpenAI, clip: Clip
) -> None:
    """A result has the number of retries and the duration of its clip."""
    server.script.extend([error(503), error(503), error(503)])

    failed = await attempt(client, Task(model="m"), clip)

    assert (failed.retries, failed.audio_seconds, failed.status) == (2, 2.0, "failed")
    assert failed.latency > 0


async def test_a_key_is_never_kept(server: ScriptedServer, dialogue: Dialogue) -> None:
    """A server that quotes the key back does not get it into the results."""
    server.script.append(error(401, "wrong key sk-secret"))

    async with connect(base_url=server.base_url, api_key="sk-secret") as client:
        failed = await attempt(client, Task(model="m"), dialogue)

    assert b"sk-secret" not in msgspec.json.encode(failed)
    assert b"wrong key [key]" in msgspec.json.encode(failed)


def test_failures_are_not_scored(dialogue: Dialogue) -> None:
    """A failed sample has no tally, unless failures count as empty answers."""
    judgement = partial(judge("exact", str), dialogue)
    failed = result(text=None)

    assert score(failed, judgement, "record").tally is None
    assert score(failed, judgement, "stop").tally is None
    assert score(failed, judgement, "empty").tally == Tally(
        numerator=0, denominator=1, target="4", answer=""
    )


def test_the_journal_is_written_as_it_goes(tmp_path: Path) -> None:
    """Every result is on disk at once, and in the manifest's order in the end."""
    path, seen = tmp_path / "r.jsonl", []

    with Journal(path, lambda _: seen.append(indices(path))) as journal:
        journal.add(result(1))
        journal.add(result(0))

    assert seen == [[1], [1, 0]]
    assert indices(path) == [0, 1]


def indices(path: Path) -> list[int]:
    """Return the indices of the results in the file."""
    return [one.index for one in recorded(path)]


def test_a_journal_goes_on(tmp_path: Path) -> None:
    """It cuts off half a line, and a sample's new result replaces the old one; time adds up."""
    path = tmp_path / "r.jsonl"
    with Journal(path, lambda _: None) as journal:
        journal.add(result(0, text=None))
        journal.add(result(1))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])

    with Journal(path, lambda _: None) as journal:
        before = journal.results
        journal.add(result(0))

    times = [one.elapsed for one in before]
    assert [one.status for one in before] == ["failed", "ok"]
    assert [one.status for one in recorded(path)] == ["ok", "ok"]
    assert recorded(path)[0].elapsed > max(times) > 0


def test_a_line_of_something_else(tmp_path: Path) -> None:
    """A whole line that is not a result is an error that names the file, and nothing is changed."""
    path = tmp_path / "r.jsonl"
    path.write_text("{}\n")

    with pytest.raises(NotARun, match=r"r\.jsonl"), Journal(path, lambda _: None):
        pass

    assert path.read_text() == "{}\n"
