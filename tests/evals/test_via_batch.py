"""`evals run --via batch`: the same results as by requests, and each sample sent once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evals.cli import main
from tests.evals.scripted_batches import ScriptedBatches
from tests.evals.scripted_server import ScriptedServer
from tests.evals.test_resume import outcome, solve, sums

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
    """Results and summary are the same but for times, which are unknown; no file stays there."""
    path = manifest(*sums(7))
    flags = ("--repeat", "2", "--seed", "5", "--extra", '{"top_k": 1}')
    evaluate(path, *flags, folder="requests")

    done = evaluate(path, *flags, *VIA)

    assert done.exit_code == 0, done.output
    assert same(tmp_path / "run") == same(tmp_path / "requests")
    assert [line["custom_id"] for line in batches.lines[:8]] == [
        *(f"{index}-0" for index in range(7)),
        "0-1",
    ]
    assert (batches.files, (tmp_path / "run" / "batches").exists()) == ({}, False)
