"""Folders of runs as `evals run` writes them, with answers that a test chooses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from evals.dataset import Sample
from evals.files import encoded
from evals.folder import Folder
from evals.read import Run, read
from evals.report.summary import count, versions
from evals.result import Answer, Failure, Loglikelihood, Result
from evals.score.normalizers import Normalizer, normalizer
from evals.score.scorers import Scorer, judge
from tests.evals.runs import summary

LATE = Failure(type="APITimeoutError", message="Request timed out.", status=None)


def run(
    folder: Path,
    results: Sequence[Result],
    *,
    scorer: Scorer = "wer",
    normalise: Normalizer = "none",
    on_error: str = "record",
    **changes: Any,
) -> Run:
    """Score *results*, write the run to *folder* and read it again."""
    score = judge(scorer, normalizer(normalise))
    scored = [_scored(one, score, on_error) for one in results]
    place = Folder(folder)
    counts = count(scored, len(scored))
    fields: dict[str, Any] = {
        "task": "task",
        "complete": counts.answered == counts.samples,
        "model": folder.name,
        "models_answering": ["served"],
        "options": {"task": {"model": folder.name, "temperature": 0}, "concurrency": 8},
        "results": str(place.results),
        "versions": versions(),
        **changes,
    }
    whole = summary(scored, scorer=scorer, normalise=normalise, **fields)
    folder.mkdir(parents=True)
    place.results.write_bytes(b"".join(encoded(one) + b"\n" for one in scored))
    place.summary.write_bytes(encoded(whole))
    return read(folder)


def _scored(result: Result, score: Any, on_error: str) -> Result:
    answer = result.answer or (Answer(text="") if on_error == "empty" else None)
    sample = Sample(index=result.index, id=result.id, target=result.target, metadata={})
    tally = score(sample, answer) if answer else None
    return msgspec.structs.replace(result, tally=tally)


def answered(index: int, target: str, text: str, **fields: Any) -> Result:
    """Return an answered sample."""
    return Result(
        index=index,
        id=fields.pop("id", f"sample-{index}"),
        status="ok",
        target=target,
        answer=Answer(text=text, finish_reason=fields.pop("finish_reason", "stop")),
        latency=fields.pop("latency", 0.1 + index % 7 / 10),
        **fields,
    )


def failed(index: int, target: str, **fields: Any) -> Result:
    """Return a sample whose requests timed out."""
    return Result(
        index=index,
        id=f"sample-{index}",
        status="failed",
        target=target,
        error=fields.pop("error", LATE),
        latency=30.0,
        **fields,
    )


def weighed(index: int, question: str, target: str, values: dict[str, float]) -> Result:
    """Return a question with choices, of which each has one token."""
    likelihoods = [
        Loglikelihood(choice=key, value=value, tokens=1) for key, value in values.items()
    ]
    return Result(
        index=index,
        id=f"sample-{index}",
        status="ok",
        target=target,
        question=question,
        answer=Answer(text=max(values, key=lambda key: values[key]), loglikelihoods=likelihoods),
        latency=0.2,
    )
