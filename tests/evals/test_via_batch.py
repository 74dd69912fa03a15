"""`evals run --via batch`: the same results as by requests, and each sample sent once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evals.batch import submission
from evals.cli import main
from tests.evals.scripted_batches import ScriptedBatches
from tests.evals.scripted_server import (
    Reply,
    Request,
    ScriptedServer,
    completion,
    error,
    models,
    transcription,
)
from tests.evals.test_resume import outcome, question, resume, solve, sums
from tests.evals.test_tasks import QUESTION, TOOLS

VIA = ("--via", "batch")


@pytest.fixture
def batches(server: ScriptedServer) -> ScriptedBatches:
    """Have the server answer sums, in batches too."""
    found = ScriptedBatches(solve)
    server.otherwise = found
    return found


@pytest.fixture
def evaluate(tmp_path: Path, server: ScriptedServer) -> Callable[..., Result]:
    """Return a function that runs `evals run` in the folder of that name, with flags."""

    def run(data: Path, *flags: str, folder: str = "run") -> Result:
        places = ["--base-url", server.base_url, "--folder", str(tmp_path / folder)]
        places.append("--no-report")
        return CliRunner().invoke(main, ["run", str(data), "--model", "m", *places, *flags])

    return run


def same(folder: Path) -> list[Any]:
    """Return the outcome of the run in *folder*, but for how its samples were sent."""
    *results, summary = outcome(folder)
    del summary["options"]["via"]
    return [*results, summary]


def test_the_same_as_by_requests(
    evaluate: Callable[..., Result],
    batches: ScriptedBatches,
    manifest: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """Answers, failures and the summary are the same but for times; no file stays there."""
    faults = {
        3: error(400, "the key no-key is wrong"),
        4: error(422),
        5: completion(None),
        6: Reply(body=b'"?"'),
    }
    batches.answer = lambda request: faults.get(int(question(request)[0])) or solve(request)
    path = manifest(*sums(9))
    flags = ("--repeat", "2", "--seed", "5", "--extra", '{"top_k": 1}')
    evaluate(path, *flags, folder="requests")

    done = evaluate(path, *flags, *VIA)

    assert done.exit_code == 1, done.output
    assert "\nspeed       unknown, as are the latencies: sent by batch\n" in done.output
    assert same(tmp_path / "run") == same(tmp_path / "requests")
    assert [line["custom_id"] for line in batches.lines[8:10]] == ["8-0", "0-1"]
    assert (batches.files, (tmp_path / "run" / "batches").exists()) == ({}, False)


def test_calls_of_tools(
    evaluate: Callable[..., Result],
    batches: ScriptedBatches,
    manifest: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """Calls are read as by requests, and a line's own fields are in its request."""
    target = {"name": "add", "arguments": {"a": 2}}
    path = manifest(QUESTION | {"target": target, "tools": TOOLS, "max_tokens": 7})
    whole = json.loads(completion(None, reason="tool_calls").body)
    function = {"name": "add", "arguments": '{ "a": 2 }'}
    whole["choices"][0]["message"]["tool_calls"] = [{"type": "function", "function": function}]
    batches.answer = lambda _: Reply(body=json.dumps(whole).encode())
    evaluate(path, folder="requests")

    done = evaluate(path, *VIA)

    assert "accuracy 100.00% (1/1)" in done.output
    assert same(tmp_path / "run") == same(tmp_path / "requests")
    assert batches.lines[0]["body"] | {"tools": TOOLS, "max_tokens": 7} == batches.lines[0]["body"]


def test_clips_are_uploaded_once(
    evaluate: Callable[..., Result],
    batches: ScriptedBatches,
    server: ScriptedServer,
    manifest: Callable[..., Path],
    wav: Path,
) -> None:
    """Each is for all repeats and models, and is deleted at the end."""
    heard = []

    def transcribe(request: Request) -> Reply:
        heard.append(batches.files[request.json["file_id"]])
        return transcription("turn on")

    batches.answer = transcribe
    server.models = models("m", "n")
    path = manifest(
        *({"audio": str(wav), "target": "turn on", "id": id_} for id_ in ("a", "b")),
    )

    done = evaluate(path, "--model", "n", "--repeat", "2", *VIA)

    assert done.exit_code == 0, done.output
    assert heard == [wav.read_bytes()] * 8
    assert batches.uploads == ["user_data", "batch", "batch"]
    assert batches.files == {}


def test_failures_that_may_pass(
    evaluate: Callable[..., Result],
    batches: ScriptedBatches,
    manifest: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """Their requests are sent again in further batches, as often as by HTTP; no others are."""
    script = iter([error(500), error(429)])

    def edit(results: dict[str, Any]) -> None:
        if "1-0" in results:
            fault = {"code": "batch_expired", "message": "too late"}
            results["1-0"] |= {"response": None, "error": fault}
            del results["2-0"]

    batches.edit = edit
    batches.answer = lambda request: (
        next(script, None) or solve(request) if question(request) == "3+2=" else solve(request)
    )

    done = evaluate(manifest(*sums(4)), *VIA)

    results = outcome(tmp_path / "run")[:4]
    assert done.exit_code == 1
    assert [one["status"] for one in results] == ["ok", "failed", "failed", "ok"]
    assert [one["error"]["type"] for one in results[1:3]] == ["batch_expired", "no_response"]
    assert [one["retries"] for one in results] == [0, 0, 0, 2]
    assert [line["custom_id"] for line in batches.lines[4:]] == ["3-0", "3-0"]
    assert "2 requests were sent again in a further batch" in done.output


@pytest.mark.parametrize(
    "moment",
    [
        "POST /v1/batches",
        pytest.param("GET /v1/batches", marks=pytest.mark.slow),
        pytest.param("GET /v1/files", marks=pytest.mark.slow),
        pytest.param("DELETE /v1/files", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_killed(
    moment: str,
    batches: ScriptedBatches,
    server: ScriptedServer,
    manifest: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """It goes on with its batch: also if it was killed before it knew that there is one."""
    places = ["--base-url", server.base_url, "--folder", str(tmp_path / "run")]
    command = [sys.executable, "-m", "evals", "run", str(manifest(*sums(5))), "--model", "m"]

    def deadly(request: Request) -> Reply:
        reply = batches(request)
        if batches.batches and f"{request.method} {request.path}".startswith(moment):
            server.otherwise = batches
            process.kill()
            return Reply(cut=True)
        return reply

    server.otherwise = deadly
    with subprocess.Popen([*command, *places, *VIA], stderr=subprocess.DEVNULL) as process:  # noqa: S603
        process.wait(30)
    assert process.returncode == -signal.SIGKILL
    done = resume(tmp_path / "run")

    assert done.exit_code == 0, done.output
    assert (len(batches.batches), batches.uploads) == (1, ["batch"])
    assert sorted(line["custom_id"] for line in batches.lines) == [f"{n}-0" for n in range(5)]
    assert [one["status"] for one in outcome(tmp_path / "run")[:-1]] == ["ok"] * 5
    assert batches.files == {}


def test_a_server_that_is_gone_meanwhile(
    evaluate: Callable[..., Result],
    batches: ScriptedBatches,
    server: ScriptedServer,
    manifest: Callable[..., Path],
) -> None:
    """It is waited for; a creation without an answer is not repeated, as the batch may exist."""
    cut = {
        "POST /v1/files",
        "POST /v1/batches",
        "GET /v1/batches/batch_1",
        "DELETE /v1/files/file-2",
    }

    def breaking(request: Request) -> Reply:
        reply = batches(request)
        called = f"{request.method} {request.path}"
        if called in cut:
            cut.discard(called)
            return Reply(cut=True)
        return reply

    server.otherwise = breaking

    done = evaluate(manifest(*sums(2)), "--max-retries", "0", *VIA)

    assert (done.exit_code, cut) == (0, set()), done.output
    assert len(batches.batches) == 1


def test_a_batch_that_is_refused(
    evaluate: Callable[..., Result],
    batches: ScriptedBatches,
    manifest: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """Its errors are shown with their samples, and the run can be started anew."""
    batches.refuse = [{"line": 2, "message": "no such thing", "code": "c"}, {"message": "odd"}]
    path = manifest(*sums(3))
    first = evaluate(path, *VIA)
    batches.refuse = []

    done = evaluate(path, *VIA)

    assert first.exit_code == 1
    assert "ran none of its 3 requests:\n  sample s1: no such thing\n  odd" in first.output
    assert (done.exit_code, batches.files) == (0, {})
    assert len(outcome(tmp_path / "run")) == 4


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--stream"], "--stream is not for --via batch"),
        (["--on-error", "stop"], "--on-error stop is not for --via batch"),
        ([], "has no batches (Error code: 404 - no): leave out --via batch"),
    ],
)
def test_what_cannot_be_sent_by_batch(
    flags: list[str],
    reason: str,
    evaluate: Callable[..., Result],
    server: ScriptedServer,
    manifest: Callable[..., Path],
) -> None:
    """An option that no batch has is refused by name, and so is a server without batches."""
    server.otherwise = lambda _: error(404)

    done = evaluate(manifest(*sums(1)), *flags, *VIA)

    assert done.exit_code == 1
    assert reason in done.output
    assert {request.path for request in server.requests} <= {"/v1/batches?limit=1"}


@pytest.mark.usefixtures("interruptible")
def test_interrupted_and_cancelled(
    evaluate: Callable[..., Result],
    batches: ScriptedBatches,
    server: ScriptedServer,
    manifest: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """After Ctrl-C the batch goes on until `evals cancel`; then what is done counts."""
    batches.looks = sys.maxsize
    batches.edit = lambda results: results.pop("1-0")
    run = str(tmp_path / "run")

    def interrupt(request: Request) -> Reply:
        if request.path.startswith("/v1/batches/"):
            server.otherwise = batches
            os.kill(os.getpid(), signal.SIGINT)
        return batches(request)

    server.otherwise = interrupt
    interrupted = evaluate(manifest(*sums(3)), *VIA)
    cancelled = CliRunner().invoke(main, ["cancel", run])
    done = resume(tmp_path / "run")

    assert interrupted.exit_code == 130
    ways = f"to go on: evals resume {run}; to end the batches at the server: evals cancel {run}"
    assert interrupted.output.endswith(f"interrupted; {ways}\n")
    assert cancelled.output == f"{run}: batches cancelled: 1\n"
    assert "samples     3, 1 failed, 0 not asked" in done.output
    assert len(batches.batches) == 1


def test_a_large_run_is_split(
    evaluate: Callable[..., Result],
    batches: ScriptedBatches,
    manifest: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No batch has more requests, or more bytes, than a server takes."""
    monkeypatch.setattr(submission, "MAX_LINES", 3)
    by_lines = evaluate(manifest(*sums(7)), *VIA)
    monkeypatch.setattr(submission, "MAX_BYTES", 400)

    by_bytes = evaluate(manifest(*sums(7)), *VIA, folder="again")

    sizes = [batch["request_counts"]["total"] for batch in batches.batches.values()]
    assert (by_lines.exit_code, by_bytes.exit_code) == (0, 0)
    assert sizes == [3, 3, 1, 2, 2, 2, 1]
    assert same(tmp_path / "run") == same(tmp_path / "again")
