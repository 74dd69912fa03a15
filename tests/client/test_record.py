"""A recording: what is in it, and its replay by a server without models."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest
from openai import APIConnectionError

from shim.exchanges.folder import Recording
from tests.client.conftest import KEEPING, Keeping
from tests.client.mixed import each, many, replaying
from tests.client.stock import says
from tests.live import BUILTIN, KEY, ROOT, LiveServer, serving

COUNT = 32
"""Requests of the fast test: four of each kind."""


@pytest.fixture(scope="module")
def recorded(keeping: Keeping) -> list[Any]:
    """Send the mixed requests to the server that records, and return its answers."""
    return many(keeping.server.base_url, COUNT)


@pytest.fixture(scope="module")
def replayed(keeping: Keeping, recorded: list[Any]) -> Iterator[str]:
    """Replay what was recorded."""
    assert recorded
    with replaying(keeping.recording) as base_url:
        yield base_url


def test_the_same_answers(recorded: list[Any], replayed: str) -> None:
    """Each answer is the recorded one, byte for byte and with its headers; and so once more."""
    assert [answer.status for answer in recorded[-8:]] == [*[200] * 7, 400]
    for _ in range(2):
        answers = many(replayed, COUNT)

        assert answers == recorded


def test_what_was_not_recorded(recorded: list[Any], replayed: str) -> None:
    """A request that was not recorded is a 404 that says what differs from the nearest one."""
    assert recorded
    body = {"model": "toy-chat", "messages": says("what is 0 + 4"), "temperature": 0}

    answer = httpx.post(f"{replayed}/chat/completions", json={**body, "max_tokens": 7})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (
        404,
        "not_recorded",
        "max_tokens",
    )
    assert "`max_tokens` is 7 here, and 6 there" in error["message"]
    assert httpx.get(replayed.replace("/v1", "/ready")).json() == {"ready": True}


def test_no_key(keeping: Keeping, recorded: list[Any]) -> None:
    """No key is in the folder, however it was sent."""
    assert recorded
    headers = {"authorization": f"Bearer {KEY}", "api-key": KEY, "cookie": f"a={KEY}"}
    httpx.get(f"{keeping.server.base_url}/models?api_key={KEY}", headers=headers)

    files = [file for file in keeping.recording.rglob("*") if file.is_file()]

    assert len(files) > COUNT
    assert not any(KEY.encode() in file.read_bytes() for file in files)


def test_a_client_that_leaves(keeping: Keeping) -> None:
    """An answer whose client has left is recorded as far as it was sent, and not replayed."""
    headers = {"authorization": f"Bearer {KEY}"}
    body = {"model": "slow", "messages": says("word " * 1000), "stream": True}
    url = f"{keeping.server.base_url}/chat/completions"

    with httpx.stream("POST", url, json=body, headers=headers) as answer:
        next(answer.iter_bytes())

    assert _count(keeping, "cut")
    cut = [each for each in Recording(keeping.recording).exchanges if not each.whole]
    assert [each.answer.status for each in cut if each.answer] == [200]


def _count(keeping: Keeping, result: str) -> bool:
    """Return whether an exchange with *result* is counted within ten seconds."""
    headers = {"authorization": f"Bearer {KEY}"}
    end = time.monotonic() + 10
    while time.monotonic() < end:
        text = httpx.get(f"{keeping.server.url}/metrics", headers=headers).text
        if f'shim_recorded_total{{result="{result}"}}' in text:
            return True
    return False


@pytest.mark.slow
def test_pace(keeping: Keeping) -> None:
    """At the recorded pace a stream takes as long as it took; by default it takes no time."""
    body = {"model": "slow", "messages": says("word " * 10), "stream": True}
    url = f"{keeping.server.base_url}/chat/completions"
    httpx.post(url, json=body, headers={"authorization": f"Bearer {KEY}"})

    with (
        replaying(keeping.recording) as fast,
        replaying(keeping.recording, "--pace", "real") as real,
    ):
        taken = [httpx.post(f"{each}/chat/completions", json=body) for each in (fast, real)]

    seconds = [answer.elapsed.total_seconds() for answer in taken]
    assert taken[0].content == taken[1].content
    assert seconds[0] < 0.5
    assert 1 < seconds[1] < 1.5


@pytest.mark.slow
def test_a_killed_server(tmp_path: Path) -> None:
    """After SIGKILL each answer that a client had got is replayed; a next server goes on there."""
    config, recording = tmp_path / "shim.toml", tmp_path / "recording"
    config.write_text(KEEPING)
    with serving("--config", str(config), "--record", str(recording)) as live:
        got = _until_killed(live)
    with serving("--config", str(config), "--record", str(recording)) as live:
        more = many(live.base_url, 8)

    with replaying(recording) as base_url:
        again = many(base_url, len(got))

    assert again[8:] == got[8:]
    assert len(got) >= 50
    assert [answer.status for answer in more] == [answer.status for answer in again[:8]]


def _until_killed(live: LiveServer) -> list[Any]:
    """Send requests, kill the server after some, and return the answers before that."""
    got: list[Any] = []
    with suppress(APIConnectionError):
        for answer in each(live.base_url, 10_000):
            got.append(answer)
            if len(got) == 50:
                Timer(0.01, live.process.kill).start()
    assert live.process.wait(timeout=60) == -signal.SIGKILL
    return got


@pytest.mark.slow
def test_many_without_their_models(tmp_path: Path) -> None:
    """500 mixed requests, and evaluations, have the same answers and scores without the models."""
    models, recording = tmp_path / "models", tmp_path / "recording"
    shutil.copytree(BUILTIN, models)
    config = tmp_path / "shim.toml"
    config.write_text(KEEPING.replace(str(BUILTIN), str(models)))
    with serving("--config", str(config), "--record", str(recording)) as live:
        answers = many(live.base_url, 500, at_once=4)
        scores = _evaluated(live.base_url, tmp_path / "live")
    shutil.rmtree(models)

    with replaying(recording) as base_url:
        again = many(base_url, 500, at_once=4)
        scores_again = _evaluated(base_url, tmp_path / "replayed")

    drawn = {number for number in range(500) if number % 8 == 2}
    assert all(answers[n] == again[n] for n in range(500) if n not in drawn)
    # Equal requests that are in flight together may get each other's answers.
    assert sorted(answers[n].body for n in drawn) == sorted(again[n].body for n in drawn)
    assert scores == scores_again


def _evaluated(base_url: str, out: Path) -> list[dict[str, Any]]:
    """Run two evaluations and return all results, without their times."""
    for manifest, model in (("sums.jsonl", "toy-chat"), ("speech.jsonl", "speech")):
        task = str(ROOT / "evals" / "data" / manifest)
        run = [sys.executable, "-m", "evals", "run", task, "--model", model, "--out", str(out)]
        command = [*run, "--base-url", base_url, "--api-key", KEY]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)  # noqa: S603
    files = sorted(out.glob("*/results.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert len(lines) > 40
    return [
        {"id": line["id"], "tally": line["tally"], "text": line["answer"]["text"]} for line in lines
    ]
