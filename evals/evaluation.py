"""One evaluation from a manifest to a summary: wiring only."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import openai
from openai import AsyncOpenAI

from evals.client import public
from evals.dataset import Clip, Dataset, Dialogue
from evals.journal import Journal
from evals.normalizers import Normalizer, default_normalizer, normalizer
from evals.runner import OnError, Result, attempt, run, score
from evals.scorers import Scorer, judge
from evals.summary import Summary, count, measure, pool, retries, versions
from evals.task import Task


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a data set is evaluated. *scorer* and *normalizer* None: what suits the data."""

    task: Task
    scorer: Scorer | None = None
    normalizer: Normalizer | None = None
    concurrency: int = 8
    on_error: OnError = "record"


async def evaluate(
    client: AsyncOpenAI,
    dataset: Dataset,
    plan: Plan,
    *,
    results: Path,
    readiness: int = 0,
    watch: Callable[[Result], None] = lambda _: None,
) -> Summary:
    """Ask every sample, write *results* as they come, return the summary.

    *watch* sees every result; *readiness* is the number of probes that it took to get here.
    """
    scorer, normalizing = settle(plan, dataset)
    judgement = judge(scorer, normalizer(normalizing))
    started_at = datetime.now(UTC).isoformat(timespec="seconds")

    async def work(sample: Clip | Dialogue) -> Result:
        return score(await attempt(client, plan.task, sample), judgement, plan.on_error)

    with Journal(results, watch) as journal:
        start = time.perf_counter()
        complete = await run(
            dataset.samples,
            work,
            concurrency=plan.concurrency,
            stop_on_failure=plan.on_error == "stop",
            keep=journal.add,
        )
        wall = time.perf_counter() - start
    return Summary(
        started_at=started_at,
        complete=complete,
        counts=count(journal.results, len(dataset.samples)),
        score=pool(journal.results, scorer=scorer, normalizer=normalizing),
        speed=measure(journal.results, wall),
        retries=retries(journal.results, readiness),
        results=str(results),
        **_setting(client, dataset, plan, journal.results),
    )


def _setting(
    client: AsyncOpenAI, dataset: Dataset, plan: Plan, kept: Sequence[Result]
) -> dict[str, Any]:
    """Return what a summary tells of who was asked what, and with which programs."""
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
    """Return the scorer and normaliser that *plan* means for *dataset*."""
    clips = [sample for sample in dataset.samples if isinstance(sample, Clip)]
    scorer = plan.scorer or ("wer" if clips else "exact")
    languages = {clip.language or plan.task.language for clip in clips}
    return scorer, plan.normalizer or default_normalizer(scorer, languages)


def options(client: AsyncOpenAI, dataset: Dataset, plan: Plan) -> dict[str, Any]:
    """Return everything that was asked for, as plain values; the key is not among them."""
    patience = client.timeout.read if isinstance(client.timeout, openai.Timeout) else client.timeout
    return {
        **msgspec.to_builtins(plan),
        "limit": dataset.limit,
        "timeout": patience,
        "max_retries": client.max_retries,
    }
