"""Runs made of scores alone, as `evals.read` would return them; no server is needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from evals.folder import Folder
from evals.read import Run
from evals.report.summary import Summary, count, measure, pool, retries
from evals.result import Answer, Failure, Result, Tally
from evals.score.normalizers import Normalizer
from evals.score.scorers import Scorer


def answered(id_: str, numerator: int, denominator: int = 1, **changes: Any) -> Result:
    """Return an answered sample with this score; its text says the score, unless it is given."""
    fields: dict[str, Any] = {"text": f"{numerator}", "target": f"target {id_}", **changes}
    text, target = fields.pop("text"), fields.pop("target")
    return Result(
        index=0,
        id=id_,
        status="ok",
        target=target,
        answer=Answer(text=text),
        tally=Tally(numerator=numerator, denominator=denominator, target=target, answer=text),
        latency=1.0,
        **fields,
    )


def failed(id_: str) -> Result:
    """Return a sample without an answer."""
    error = Failure(type="APIStatusError", message="down", status=500)
    return Result(index=0, id=id_, status="failed", target="", error=error, latency=1.0)


def summary(
    results: Sequence[Result],
    /,
    *,
    scorer: Scorer = "wer",
    normalise: Normalizer = "none",
    wall: float = 1.0,
    **changes: Any,
) -> Summary:
    """Return the summary of these results; *changes* are fields of it."""
    whole = Summary(
        task="speech",
        kind="audio",
        complete=True,
        ended="finished",
        started_at="2026-11-28T00:00:00+00:00",
        base_url="http://127.0.0.1:8000/v1",
        model="m",
        models_answering=["m"],
        manifest="speech.jsonl",
        manifest_sha256="0" * 64,
        options={},
        counts=count(results, len(results)),
        score=pool(results, scorer=scorer, normalizer=normalise),
        speed=measure(results, wall),
        retries=retries(results, 0),
        results="",
        versions={},
    )
    return msgspec.structs.replace(whole, **changes)


def run(results: Sequence[Result], *, scorer: Scorer = "wer", **changes: Any) -> Run:
    """Return a run with these results; *changes* are fields of its summary."""
    whole = summary(results, scorer=scorer, normalise="english", **changes)
    folder = Folder(Path("reports") / whole.model)
    return Run(folder=folder, summary=whole, results=list(results))
