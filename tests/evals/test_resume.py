"""Runs that go on in their folder, after a kill or a failure; and folders that are refused."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from evals.cli import main
from evals.folder import Folder, held
from tests import live
from tests.evals.scripted_server import (
    Reply,
    Request,
    ScriptedServer,
    completion,
    error,
    models,
)

TIMES = {"latency", "elapsed", "request_id", "first_token", "started_at", "speed", "results"}
"""The fields of results and summaries that differ between two runs of the same."""


def sums(number: int) -> list[dict[str, Any]]:
    """Return the lines of that many different questions."""
    return [
        {"id": f"s{n}", "messages": [{"role": "user", "content": f"{n}+2="}], "target": f"{n + 2}"}
        for n in range(number)
    ]


def question(request: Request) -> str:
    """Return what was asked."""
    found: str = request.json["messages"][-1]["content"]
    return found


def solve(request: Request) -> Reply:
    """Answer a sum, each fifth one wrongly."""
    number = int(question(request).partition("+")[0])
    return completion(str(number + 2 + (number % 5 == 0)))


def untimed(value: Any) -> Any:
    """Return *value*, decoded JSON, without what differs from run to run."""
    if isinstance(value, dict):
        return {key: untimed(one) for key, one in value.items() if key not in TIMES}
    return [untimed(one) for one in value] if isinstance(value, list) else value


def outcome(folder: Path) -> list[Any]:
    """Return the results and the summary of the run in *folder*, without times."""
    lines = (folder / "results.jsonl").read_bytes().splitlines()
    summary = (folder / "summary.json").read_bytes()
    return [untimed(json.loads(text)) for text in [*lines, summary]]


def answered(folder: Path) -> set[str]:
    """Return the questions whose answers are in whole lines of the results."""
    path = folder / "results.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {found["question"] for found in map(json.loads, lines) if found["answer"]}


class Killer:
    """Answers by *answer*, and kills the run in *folder* after a random number of written lines."""

    def __init__(self, folder: Path, answer: Callable[[Request], Reply]) -> None:
        self.folder = folder
        self.answer = answer
        self.process: subprocess.Popen[str] | None = None
        self.fatal = sys.maxsize
        self.written: set[str] = set()
        self.twice: list[str] = []

    def __call__(self, request: Request) -> Reply:
        """Answer, unless it is time to kill."""
        if question(request) in self.written:
            self.twice.append(question(request))
        if len(answered(self.folder)) >= self.fatal and self.process is not None:
            self.process.kill()
            return Reply(cut=True)
        return self.answer(request)

    def run(self, command: list[str], *, lines: int) -> int:
        """Run *command* until it ends, or until so many more lines are written."""
        self.written = answered(self.folder)
        self.fatal = len(self.written) + lines
        with subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            self.process = process
            _, errors = process.communicate(timeout=120)
        assert "Traceback" not in errors
        return process.returncode


@pytest.fixture(
    params=[
        pytest.param((2, False), id="scripted"),
        pytest.param((10, True), id="toys", marks=pytest.mark.slow),
    ]
)
def kills(request: pytest.FixtureRequest) -> Iterator[tuple[int, Callable[[Request], Reply]]]:
    """Return a number of kills, and what answers the requests."""
    number, toys = request.param
    if not toys:
        yield number, solve
        return
    with live.serving() as server, httpx.Client(timeout=60) as client:

        def forward(request: Request) -> Reply:
            url = f"{server.url}{request.path}"
            answer = client.post(url, content=request.body, headers=JSON)
            return Reply(answer.status_code, answer.content)

        yield number, forward


JSON = {"content-type": "application/json"}


def test_a_run_that_is_killed(
    kills: tuple[int, Callable[[Request], Reply]], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """Killed at random moments and continued, it ends as one left alone; nothing is sent twice."""
    number, answer = kills
    random = Random(7)  # noqa: S311 - moments, not secrets
    path, folder, alone = manifest(*sums(12 * number)), tmp_path / "killed", tmp_path / "alone"
    killer = Killer(folder, answer)
    evals = [sys.executable, "-m", "evals"]
    with ScriptedServer(killer) as server:
        server.models = models("toy-chat")
        flags = ["--model", "toy-chat", "--base-url", server.base_url, "--concurrency", "3"]
        run = [*evals, "run", str(path), *flags, "--no-report"]
        resume = [*evals, "resume", str(folder), "--no-report"]
        killed = [killer.run([*run, "--folder", str(folder)], lines=random.randint(1, 8))]
        for _ in range(number - 1):
            with (folder / "results.jsonl").open("a") as results:
                results.write('{"index": 3, "id"')
            killed.append(killer.run(resume, lines=random.randint(1, 8)))
        ended = killer.run(resume, lines=sys.maxsize)
        twice = killer.twice
        killer.written = set()
        CliRunner().invoke(main, [*run[3:], "--folder", str(alone)])

    assert killed == [-signal.SIGKILL] * number
    assert (ended, twice) == (0, [])
    assert outcome(folder) == outcome(alone)


@pytest.fixture
def evaluate(tmp_path: Path, server: ScriptedServer) -> Callable[..., Result]:
    """Return a function that runs `evals run` in the folder `run`, with flags."""
    server.otherwise = solve

    def run(data: Path, *flags: str) -> Result:
        places = ["--base-url", server.base_url, "--folder", str(tmp_path / "run")]
        fixed = ["--model", "m", "--max-retries", "0", *places]
        return CliRunner().invoke(main, ["run", str(data), *fixed, *flags])

    return run


def resume(folder: Path) -> Result:
    """Run `evals resume`."""
    return CliRunner().invoke(main, ["resume", str(folder)])


def test_a_finished_run(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """It prints the same again, exits as before, changes no file and sends nothing."""
    path = manifest(*sums(3))
    first = evaluate(path)
    files = {file: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    sent = len(server.requests)

    again = [evaluate(path), resume(tmp_path / "run")]

    assert first.exit_code == 0
    assert [(done.exit_code, done.stdout) for done in again] == [(0, first.stdout)] * 2
    assert {file: file.read_bytes() for file in (tmp_path / "run").iterdir()} == files
    assert len(server.requests) == sent


def test_failed_samples_are_sent_again(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """Only they are, and their old lines are replaced; the message names the command."""
    server.script.extend([completion("3"), error(400)])
    first = evaluate(manifest(*sums(3)), "--concurrency", "1")

    done = resume(tmp_path / "run")

    assert first.exit_code == 1
    assert f"to go on: evals resume {tmp_path / 'run'}\n" in first.output
    assert done.exit_code == 0
    assert [question(request) for request in server.requests] == ["0+2=", "1+2=", "2+2=", "1+2="]
    assert len((tmp_path / "run" / "results.jsonl").read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--temperature", "1"], "other options: temperature was 0.0 and is now 1.0"),
        (["--limit", "1", "--repeat", "2"], "limit was None and is now 1; repeat was 1 and is now"),
    ],
)
def test_other_options(
    flags: list[str], reason: str, evaluate: Callable[..., Result], manifest: Callable[..., Path]
) -> None:
    """A folder with a run of other options is refused; the message names what differs."""
    path = manifest(*sums(2))
    evaluate(path)

    done = evaluate(path, *flags)

    assert done.exit_code == 1
    assert reason in done.output


def test_changed_data(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """A run does not go on with a data set that has changed since."""
    evaluate(manifest(*sums(2)))
    path = manifest(*sums(3))

    for done in (evaluate(path), resume(tmp_path / "run")):
        assert done.exit_code == 1
        assert f"{path} has changed since the run in" in done.output


def test_two_processes(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """A folder in which another process runs is refused, and nothing is sent."""
    server.script.append(error(400))
    evaluate(manifest(*sums(2)))
    sent = len(server.requests)

    with held(Folder(tmp_path / "run")):
        done = resume(tmp_path / "run")

    assert done.exit_code == 1
    assert "is in use: another process runs in it" in done.output
    assert len(server.requests) == sent


def test_a_folder_of_something_else(evaluate: Callable[..., Result], tmp_path: Path) -> None:
    """A folder without `run.json` is not a run's, and results in it are not overwritten."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.jsonl").write_text("precious\n")
    (tmp_path / "data.jsonl").write_text(json.dumps(sums(1)[0]))

    done = [resume(tmp_path / "run"), evaluate(tmp_path / "data.jsonl")]

    assert [one.exit_code for one in done] == [1, 1]
    assert all("no run.json" in one.output for one in done)
    assert (tmp_path / "run" / "results.jsonl").read_text() == "precious\n"


def test_a_run_that_has_not_ended(
    evaluate: Callable[..., Result], manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """A page of a run that was killed is refused, with the command that goes on."""
    evaluate(manifest(*sums(1)))
    (tmp_path / "run" / "summary.json").unlink()

    done = CliRunner().invoke(main, ["report", str(tmp_path / "run")])

    assert done.exit_code == 1
    assert done.output.endswith(f"a run that has not ended: evals resume {tmp_path / 'run'}\n")


def test_several_models(
    evaluate: Callable[..., Result],
    manifest: Callable[..., Path],
    server: ScriptedServer,
    tmp_path: Path,
) -> None:
    """Each has a folder in the run's, and one table shows them; they go on together."""
    server.models = models("m", "org/n")
    server.otherwise = lambda request: (
        error(400) if request.json["model"] == "org/n" else solve(request)
    )
    first = evaluate(manifest(*sums(3)), "--model", "org/n")
    server.otherwise = solve

    done = resume(tmp_path / "run")

    lines = [line.split() for line in done.stdout.splitlines()]
    assert (first.exit_code, done.exit_code) == (1, 0)
    assert f"evals resume {tmp_path / 'run' / 'org_n'}\n" in first.stderr
    assert done.stdout.startswith("\ntask: 2 models")
    assert [line[:3] for line in lines if line[:1] in (["m"], ["org/n"])] == [
        ["m", "accuracy", "66.67%"],
        ["org/n", "accuracy", "66.67%"],
    ]
    assert "Equal: all 3 answers are the same." in done.stdout
    assert done.stdout.endswith(f"page        {tmp_path / 'run' / 'report.html'}\n")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        *("m", "org_n", "report.html", "report.md")
    }
    assert (tmp_path / "run" / "org_n" / "report.html").exists()
    assert len(server.requests) == 9
