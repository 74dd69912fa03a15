"""`evals compare` as its user sees it: two runs against a server, then their comparison."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from evals.cli import main
from tests.evals.scripted_server import ScriptedServer, completion, error

SUMS = [
    {"id": f"sum-{index}", "messages": [{"role": "user", "content": "2+2="}], "target": "4"}
    for index in range(25)
]


@pytest.fixture
def evaluate(
    tmp_path: Path, server: ScriptedServer, manifest: Callable[..., Path]
) -> Callable[..., str]:
    """Return a function that evaluates a model whose answers are given, and returns the folder."""

    def run(model: str, *answers: Any, lines: Any = SUMS) -> str:
        server.script.extend(answers)
        folder = tmp_path / model
        flags = ["--model", model, "--base-url", server.base_url, "--folder", str(folder)]
        tolerant = ["--max-failures", "100%", "--concurrency", "1"]
        done = CliRunner().invoke(main, ["run", str(manifest(*lines)), *flags, *tolerant])
        assert done.exit_code == 0, done.output
        return str(folder)

    return run


def compare(*arguments: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(main, ["compare", *arguments])


def test_a_comparison(evaluate: Callable[..., str], tmp_path: Path) -> None:
    """Two runs: their scores over the samples that both answered, the difference, what changed."""
    # The first answer is that to the trial before the run.
    a = evaluate("a", completion("5"), *[completion("5")] * 10, error(400))
    b = evaluate("b")

    done = compare(a, b, "--json", str(tmp_path / "all.json"), "--fail-if-worse", "--changes", "1")

    assert done.exit_code == 0, done.output
    for line in (
        "accuracy A  58.33% (14/24), model a",
        "accuracy B  100.00% (24/24), model b",
        "p-value     0.00195, McNemar test, exact",
        "samples     24 compared: 10 better in B, 0 worse, 14 the same",
        "left out    1 failed in A",
        "B is better: its accuracy is 41.67 points higher.",
        "sum-0: wrong in A, right in B",
        "  A       5",
    ):
        assert line in done.output.splitlines()
    assert re.search(r"(?m)^B less A    \+41\.67 points, 95 % \+[\d.]+ to \+[\d.]+$", done.output)
    [found] = msgspec.json.decode((tmp_path / "all.json").read_bytes())["comparisons"]
    assert (found["verdict"], found["difference"]["value"]) == ("better", 10 / 24)


def test_worse(evaluate: Callable[..., str]) -> None:
    """With --fail-if-worse a run that is worse than A exits with 1, not one that is equal."""
    a, b = evaluate("a"), evaluate("b", *[completion("5")] * 10)

    assert compare(a, b).exit_code == 0
    assert compare(a, a, "--fail-if-worse").exit_code == 0
    assert compare(a, a, b, "--fail-if-worse").exit_code == 1


def test_equal_runs(evaluate: Callable[..., str]) -> None:
    """Two runs with the same answers are called equal; each of several is compared with A."""
    a, b = evaluate("a"), evaluate("b")

    done = compare(a, b, a)

    assert done.output.count("Equal: all 25 answers are the same.") == 2
    assert "B less A    +0.00 points" in done.output
    assert "C less A    +0.00 points" in done.output
    assert "probability of up to 10%" in done.output


def test_what_is_refused(evaluate: Callable[..., str], tmp_path: Path) -> None:
    """Other data, and what is not the folder of a run, end in one line."""
    a, b = evaluate("a"), evaluate("b", lines=SUMS[1:])

    other, nothing = compare(a, b), compare(a, str(tmp_path / "none"))
    anyway = compare(a, b, "--anyway")

    assert (other.exit_code, nothing.exit_code, anyway.exit_code) == (1, 1, 0)
    assert "Error: other data" in other.output
    assert "not the folder of a finished run" in nothing.output
    assert "left out    1 not in B" in anyway.output
