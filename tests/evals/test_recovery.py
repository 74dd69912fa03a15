"""Servers that are gone for a while, or for good, while a run sends its samples."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from evals.ask.client import connect
from evals.ask.task import Task
from evals.cli import main
from evals.dataset import load
from evals.evaluation import evaluate
from evals.folder import Folder
from evals.journal import recorded
from evals.plan import Plan
from evals.report.summary import Summary
from evals.report.terminal import remarks
from evals.result import Result
from evals.specification import specify

QUESTIONS = [f"{number}+2=" for number in range(12)]


class Mortal:
    """A server in a process of its own, which can be killed, and started again at its port."""

    def __init__(self, fate: str) -> None:
        self.fate = fate
        self.port = "0"
        self.starts = 0
        self.start()
        self.base_url = f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start the server, and wait until it listens."""
        self.starts += 1
        program = [sys.executable, "-m", "tests.evals.scripted_server", self.fate, os.devnull]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [*program, self.port], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        self.port = address.removesuffix("/v1").rpartition(":")[2]

    def kill(self) -> None:
        """Kill the server, and wait for its end."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def mortal(request: pytest.FixtureRequest) -> Iterator[Mortal]:
    """Start a server with the fate that a test names."""
    server = Mortal(request.param)
    yield server
    server.kill()


async def run(
    server: Mortal, path: Path, watch: Callable[[Result], None] = lambda _: None
) -> tuple[Summary, list[Result]]:
    """Evaluate three samples at once, without retries of the SDK's; restart a server that is gone.

    Return the summary and the results.
    """
    kept: list[Summary] = []

    def restart(_: str) -> None:
        server.kill()
        server.start()

    async with connect(base_url=server.base_url, max_retries=0, timeout=20) as client:
        dataset, plan = load(path), Plan(task=Task(model="m"), concurrency=3)
        specification = specify(client, dataset, plan, wait=20)
        folder = Folder(path.parent / "run")
        folder.path.mkdir()
        await evaluate(
            client, dataset, specification, folder, watch=watch, say=restart, keep=kept.append
        )
    return kept[0], recorded(folder.results)


def lines(*questions: str) -> list[dict[str, Any]]:
    """Return the lines of a manifest with these questions; "4" is the answer to all."""
    return [
        {"id": text, "messages": [{"role": "user", "content": text}], "target": "4"}
        for text in questions
    ]


@pytest.mark.parametrize("mortal", ["answers"], indirect=True)
async def test_a_server_that_is_restarted(mortal: Mortal, manifest: Callable[..., Path]) -> None:
    """A server that is killed in the middle costs no sample; what was sent again is shown."""
    seen: list[Result] = []

    def watch(result: Result) -> None:
        seen.append(result)
        if len(seen) == 4:
            mortal.kill()

    summary, results = await run(mortal, manifest(*lines(*QUESTIONS)), watch)

    assert (summary.ended, summary.complete, mortal.starts) == ("finished", True, 2)
    assert summary.retries.resent == sum(result.resent for result in results) > 0
    assert any("the server was gone meanwhile" in remark for remark in remarks(summary))


@pytest.mark.parametrize("mortal", ["poisonable"], indirect=True)
async def test_a_request_that_kills_the_server(
    mortal: Mortal, manifest: Callable[..., Path]
) -> None:
    """Only that sample fails, after three more attempts; those beside it are answered."""
    questions = ["0+2=", "poison", *QUESTIONS[1:]]

    summary, results = await run(mortal, manifest(*lines(*questions)))

    failed = [(result.id, result.resent) for result in results if result.error]
    assert failed == [("poison", 3)]
    assert (summary.ended, summary.counts.answered) == ("finished", 12)


@pytest.mark.parametrize("mortal", ["poisonable"], indirect=True)
def test_a_server_that_stays_away(
    mortal: Mortal, manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """The run ends after the wait and names the command that goes on; no further sample fails."""
    folder = tmp_path / "run"
    path = manifest(*lines(*QUESTIONS[:5], "poison", *QUESTIONS[5:]))
    places = ["--base-url", mortal.base_url, "--folder", str(folder)]
    flags = ["--model", "m", "--wait", "0.1", "--max-retries", "0", "--concurrency", "1"]
    ended = CliRunner().invoke(main, ["run", str(path), *flags, *places])
    mortal.kill()
    mortal.fate = "answers"
    mortal.start()

    done = CliRunner().invoke(main, ["resume", str(folder)])

    assert (ended.exit_code, done.exit_code) == (1, 0)
    assert "was not ready within 0.1 s" in ended.stderr
    assert ended.stderr.endswith(f"; to go on: evals resume {folder}\n")
    assert "5/5" in ended.stdout
    assert "1 of 13 failed, not scored" in ended.stdout
    assert "interrupted; 7 samples were not asked" in ended.stdout
    assert "13/13" in done.stdout
