"""`evals run` as its user sees it: what it prints, what it writes, how it exits."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from evals.cli import main
from tests.evals.scripted_server import ScriptedServer, completion, error

SUMS = [
    {"id": name, "messages": [{"role": "user", "content": "2+2="}], "target": "4", "level": 1}
    for name in "abc"
]


@pytest.fixture
def evaluate(tmp_path: Path, server: ScriptedServer) -> Callable[..., Result]:
    """Return a function that runs the command on a manifest, with flags."""

    def run(manifest: Path, *flags: str) -> Result:
        places = ["--base-url", server.base_url, "--out", str(tmp_path / "out")]
        return CliRunner().invoke(main, ["run", str(manifest), "--model", "m", *places, *flags])

    return run


def summary(folder: Path) -> Any:
    """Return the summary that was written."""
    return msgspec.json.decode((folder / "out" / "task.json").read_bytes())


def rows(folder: Path) -> list[Any]:
    """Return the results that were written."""
    lines = (folder / "out" / "task.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line) for line in lines]


def test_a_run(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """A run prints a table and writes results and a summary, with all that is needed to rerun."""
    path = manifest(*SUMS)

    done = evaluate(path, "--api-key", "sk-secret", "--concurrency", "2")

    found = summary(tmp_path)
    assert done.exit_code == 0
    assert "accuracy 100.00% (3/3)" in done.output
    assert (found["score"]["numerator"], found["score"]["denominator"]) == (3, 3)
    assert found["manifest_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found["model"], found["models_answering"]) == ("m", ["served"])
    assert (found["options"]["timeout"], found["options"]["max_retries"]) == (300.0, 3)
    assert found["options"]["concurrency"] == 2
    assert found["versions"]["openai"]
    assert [row["metadata"] for row in rows(tmp_path)] == [{"level": 1}] * 3
    assert "sk-secret" not in done.output + msgspec.json.encode(found).decode()


def test_failures_stand_beside_the_score(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """A failed sample is counted and named, and is not part of the score; the run is a success."""
    server.script.extend([error(400), completion("5"), completion("4", reason="length")])

    done = evaluate(manifest(*SUMS), "--concurrency", "1")

    assert done.exit_code == 0
    assert "accuracy 50.00% (1/2)" in done.output
    assert "1 of 3 failed, not scored" in done.output
    # What follows differs between versions of the client.
    assert "1 BadRequestError 400: Error code: 400 - " in done.output
    assert "1 answers were cut at the token limit" in done.output
    assert [row["status"] for row in rows(tmp_path)] == ["failed", "ok", "ok"]


def test_retries_are_shown(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """What had to be asked again is shown, as is the wait for the server."""
    server.unready = 1
    server.script.append(error(429))

    done = evaluate(manifest(*SUMS))

    assert "1 requests and 0 cut streams were asked again" in done.output
    assert "the server was ready after 1 probes more" in done.output


def test_a_failure_as_an_empty_answer(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """Only `--on-error empty` scores a failure as an empty answer, and says so."""
    server.script.append(error(400))

    done = evaluate(manifest(*SUMS), "--on-error", "empty")

    assert done.exit_code == 0
    assert "accuracy 66.67% (2/3)" in done.output
    assert "1 of 3 failed, scored as empty answers" in done.output


def test_stop_saves_what_was_done(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """`--on-error stop` ends the run at the first failure, with an exit code that says so."""
    server.script.extend([completion("4"), error(400)])

    done = evaluate(manifest(*SUMS), "--on-error", "stop", "--concurrency", "1")

    assert done.exit_code == 1
    assert "stopped by a failure; 1 samples were not asked" in done.output
    assert [row["id"] for row in rows(tmp_path)] == ["a", "b"]
    assert not summary(tmp_path)["complete"]


def test_no_score_is_no_success(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """A run in which every sample failed has no score, not 0, and exits 1."""
    server.otherwise = lambda _: error(400)

    done = evaluate(manifest(*SUMS))

    assert done.exit_code == 1
    assert "no accuracy" in done.output
    assert summary(tmp_path)["score"]["value"] is None


def test_a_bad_manifest_is_refused_first(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """Nothing is sent for a manifest with a bad line; the message says where it is."""
    done = evaluate(manifest(SUMS[0], {"target": 4}))

    assert done.exit_code == 1
    assert "task.jsonl:2: Expected `str`, got `int` - at `$.target`" in done.output
    assert server.requests == []


def test_no_server(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """Without a server the run ends with its address, and no old files stay behind."""
    evaluate(manifest(*SUMS))

    done = evaluate(manifest(*SUMS), "--base-url", "http://127.0.0.1:9/v1", "--wait", "0.1")

    assert done.exit_code == 1
    assert "http://127.0.0.1:9/v1/ was not ready within 0.1 s" in done.output
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "flags", [["--temperature", "warm"], ["--extra", "[]"], ["--concurrency", "0"]]
)
def test_bad_flags(
    flags: list[str], evaluate: Callable[..., Result], manifest: Callable[..., Path]
) -> None:
    """A flag that makes no sense is a usage error."""
    assert evaluate(manifest(*SUMS), *flags).exit_code == 2


def test_flags_reach_the_request(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], server: ScriptedServer
) -> None:
    """Sampling flags and extra fields are sent with every request."""
    done = evaluate(
        manifest(*SUMS), "--temperature", "server", "--extra", '{"top_k": 1}', "--limit", "1"
    )

    [request] = server.requests
    assert done.exit_code == 0
    assert request.json == {"model": "m", "messages": SUMS[0]["messages"], "top_k": 1}
