"""Evaluations: errors before the first sample is sent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evals import evaluation
from evals.ask.client import connect
from evals.ask.task import Task
from evals.dataset import load
from evals.evaluation import Plan, evaluate
from evals.failures import CannotWrite, WrongTask
from evals.folder import Folder
from evals.report.summary import Summary
from evals.score.scorers import Scorer


async def test_results_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a results file the error names it, and the summary counts no sample as sent."""
    folder = Folder(tmp_path)
    folder.results.touch()
    monkeypatch.setattr(evaluation, "create", lambda *_, **__: folder)
    manifest = tmp_path / "one.jsonl"
    manifest.write_text('{"messages": [{"role": "user", "content": "1"}], "target": "1"}')
    kept: list[Summary] = []

    async with connect(base_url="http://127.0.0.1:9/v1") as client:
        with pytest.raises(CannotWrite, match=r"results\.jsonl"):
            await evaluate(
                client,
                load(manifest),
                Plan(task=Task(model="m")),
                out=tmp_path,
                keep=kept.append,
            )

    assert [(summary.ended, summary.counts.unasked) for summary in kept] == [("interrupted", 1)]


@pytest.mark.parametrize(
    ("kind", "scorer", "stream"),
    [("chat", "loglikelihood", False), ("choices", "exact", False), ("choices", None, True)],
)
async def test_a_plan_that_does_not_fit(
    kind: str, scorer: Scorer | None, *, stream: bool, manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """It is refused before anything is sent or written."""
    lines = {
        "chat": {"messages": [{"role": "user", "content": "1"}], "target": "1"},
        "choices": {"prompt": "1", "choices": ["1", "2"], "target": "1"},
    }
    plan = Plan(task=Task(model="m", stream=stream), scorer=scorer)
    dataset = load(manifest(lines[kind]))

    async with connect(base_url="http://127.0.0.1:9/v1") as client:
        with pytest.raises(WrongTask):
            await evaluate(client, dataset, plan, out=tmp_path / "out", keep=lambda _: None)

    assert not (tmp_path / "out").exists()
