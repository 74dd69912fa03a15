"""Runs one evaluation, from a data set to a summary, with the parts of the other modules."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import openai
from openai import AsyncOpenAI

from evals.address import public
from evals.ask.task import Task
from evals.dataset import Clip, Dataset, Dialogue
from evals.folder import create
from evals.journal import Journal, encoded, write
from evals.report.summary import Ended, Summary, count, measure, pool, retries, versions
from evals.result import OnError, Result
from evals.runner import attempt, run, score
from evals.score.normalizers import Normalizer, default_normalizer, normalizer
from evals.score.scorers import Scorer, judge


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a data set is evaluated. *scorer* and *normalizer* None: chosen by the kind of data.

    *concurrency* is the most requests at once. *max_failures* does not change the run: it decides
    whether the run is a success (`evals.threshold`).
    """

    task: Task
    scorer: Scorer | None = None
    normalizer: Normalizer | None = None
    concurrency: int = 8
    on_error: OnError = "record"
    max_failures: str = "0"


async def evaluate(
    client: AsyncOpenAI,
    dataset: Dataset,
    plan: Plan,
    *,
    out: Path,
    readiness: int = 0,
    watch: Callable[[Result], None] = lambda _: None,
    keep: Callable[[Summary], None],
) -> None:
    """Ask every sample; write the results as they come, and the summary, in a new folder in *out*.

    *watch* is called with every result; *keep* with the summary before it is written, also if the
    run is cancelled. *readiness* is the number of probes that failed before the server was ready.
    Raises CannotWrite.
    """
    scorer, normalizing = settle(plan, dataset)
    judgement = judge(scorer, normalizer(normalizing))
    now = datetime.now(UTC)
    folder = create(out, task=dataset.path.stem, model=plan.task.model, at=now)
    journal = Journal(folder.results, watch)
    ended: Ended = "interrupted"
    start = time.perf_counter()

    async def work(sample: Clip | Dialogue) -> Result:
        return score(await attempt(client, plan.task, sample), judgement, plan.on_error)

    try:
        with journal:
            try:
                whole = await run(
                    dataset.samples,
                    work,
                    concurrency=plan.concurrency,
                    stop_on_failure=plan.on_error == "stop",
                    keep=journal.add,
                )
            finally:
                wall = time.perf_counter() - start
        ended = "finished" if whole else "stopped"
    finally:
        counts = count(journal.results, len(dataset.samples))
        summary = Summary(
            started_at=now.isoformat(timespec="seconds"),
            complete=counts.answered == counts.samples,
            ended=ended,
            counts=counts,
            score=pool(journal.results, scorer=scorer, normalizer=normalizing),
            speed=measure(journal.results, wall),
            retries=retries(journal.results, readiness),
            results=str(folder.results),
            **_setting(client, dataset, plan, journal.results),
        )
        keep(summary)
        write(folder.summary, msgspec.json.format(encoded(summary)) + b"\n")


def _setting(
    client: AsyncOpenAI, dataset: Dataset, plan: Plan, kept: Sequence[Result]
) -> dict[str, Any]:
    """Return the summary's fields that name the data, the server, the model and the versions."""
    return {
        "task": dataset.path.stem,
        "kind": "audio" if isinstance(dataset.samples[0], Clip) else "chat",
        "base_url": public(str(client.base_url)),
        "model": plan.task.model,
        "models_answering": sorted({r.answer.model for r in kept if r.answer and r.answer.model}),
        "manifest": str(dataset.path),
        "manifest_sha256": dataset.sha256,
        "options": options(client, dataset, plan),
        "versions": versions(),
    }


def settle(plan: Plan, dataset: Dataset) -> tuple[Scorer, Normalizer]:
    """Return the scorer and the normalizer for *dataset*: those of *plan*, else the defaults."""
    clips = [sample for sample in dataset.samples if isinstance(sample, Clip)]
    scorer = plan.scorer or ("wer" if clips else "exact")
    languages = {clip.language or plan.task.language for clip in clips}
    return scorer, plan.normalizer or default_normalizer(scorer, languages)


def options(client: AsyncOpenAI, dataset: Dataset, plan: Plan) -> dict[str, Any]:
    """Return all options of the run as plain values; the key is not among them."""
    patience = client.timeout.read if isinstance(client.timeout, openai.Timeout) else client.timeout
    return {
        **msgspec.to_builtins(plan),
        "limit": dataset.limit,
        "timeout": patience,
        "max_retries": client.max_retries,
    }
