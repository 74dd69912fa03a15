"""Evaluations: errors before the first sample is sent."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from evals.ask.client import connect
from evals.ask.task import Task
from evals.cli import main
from evals.dataset import load
from evals.evaluation import evaluate
from evals.failures import CannotWrite
from evals.folder import Folder
from evals.plan import Plan
from evals.report.summary import Summary
from evals.score.scorers import Scorer
from evals.specification import specify


async def test_results_that_cannot_be_opened(tmp_path: Path, manifest: Callable[..., Path]) -> None:
    """Without a results file the error names it, and the summary counts no sample as sent."""
    folder = Folder(tmp_path / "run")
    folder.results.mkdir(parents=True)
    dataset = load(manifest({"messages": [{"role": "user", "content": "1"}], "target": "1"}))
    kept: list[Summary] = []

    async with connect(base_url="http://127.0.0.1:9/v1") as client:
        specification = specify(client, dataset, Plan(task=Task(model="m")), wait=0)
        with pytest.raises(CannotWrite, match=r"results\.jsonl"):
            await evaluate(client, dataset, specification, folder, keep=kept.append)

    assert [(summary.ended, summary.counts.unasked) for summary in kept] == [("interrupted", 1)]


@pytest.mark.parametrize(
    ("kind", "scorer", "stream"),
    [("chat", "loglikelihood", False), ("choices", "exact", False), ("choices", None, True)],
)
def test_a_plan_that_does_not_fit(
    kind: str, scorer: Scorer | None, *, stream: bool, manifest: Callable[..., Path]
) -> None:
    """It is refused before anything is sent or written."""
    lines = {
        "chat": {"messages": [{"role": "user", "content": "1"}], "target": "1"},
        "choices": {"prompt": "1", "choices": ["1", "2"], "target": "1"},
    }
    path = manifest(lines[kind])
    flags = [*(["--scorer", scorer] if scorer else []), *(["--stream"] if stream else [])]
    places = ["--base-url", "http://127.0.0.1:9/v1", "--out", str(path.parent / "out")]

    done = CliRunner().invoke(main, ["run", str(path), "--model", "m", *places, *flags])

    assert done.exit_code == 1
    assert "choices" in done.output
    assert not (path.parent / "out").exists()
