"""Evaluations: errors before the first sample is sent."""

from pathlib import Path

import pytest

from evals import evaluation
from evals.ask.client import connect
from evals.ask.task import Task
from evals.dataset import load
from evals.evaluation import Plan, evaluate
from evals.failures import CannotWrite
from evals.folder import Folder
from evals.report.summary import Summary


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
