"""Runs one evaluation, from a data set to a summary, with the parts of the other modules."""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import openai
from openai import AsyncOpenAI

from evals.address import public
from evals.ask.task import Task
from evals.dataset import Clip, Dataset, Dialogue, MultipleChoice
from evals.failures import WrongTask
from evals.folder import create
from evals.journal import Journal, encoded, write
from evals.report.summary import Ended, Summary, count, measure, pool, retries, versions
from evals.result import Answer, OnError, Result, Tally
from evals.runner import attempt, run, score
from evals.score.normalizers import Normalizer, default_normalizer, normalizer
from evals.score.scorers import OF_CHOICES, Scorer, judge

KINDS: dict[type, str] = {Clip: "audio", Dialogue: "chat", MultipleChoice: "choices"}
"""The name of each kind of samples in a summary."""
SCORERS: dict[str, Scorer] = {"audio": "wer", "chat": "exact", "choices": "loglikelihood"}
"""Each kind's scorer, where the plan names none."""


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
    """Send every sample; write each result at once, and the summary, to a new folder in *out*.

    *watch* is called with every result; *keep* with the summary before it is written, also if the
    run is cancelled. *readiness* is the number of probes that failed before the server was ready.
    Raises CannotWrite, and WrongTask if the plan does not fit the samples.
    """
    scorer, normalizer_name = settle(plan, dataset)
    work = _work(client, plan, judge(scorer, normalizer(normalizer_name)))
    now = datetime.now(UTC)
    folder = create(out, task=dataset.name, model=plan.task.model, at=now)
    journal = Journal(folder.results, watch)
    ended: Ended = "interrupted"
    start, wall = time.perf_counter(), 0.0
    try:
        with journal:
            try:
                complete = await run(
                    dataset.samples,
                    work,
                    concurrency=plan.concurrency,
                    stop_on_failure=plan.on_error == "stop",
                    keep=journal.add,
                )
            finally:
                wall = time.perf_counter() - start
        ended = "finished" if complete else "stopped"
    finally:
        summary = Summary(
            started_at=now.isoformat(timespec="seconds"),
            ended=ended,
            score=pool(journal.results, scorer=scorer, normalizer=normalizer_name),
            speed=measure(journal.results, wall),
            retries=retries(journal.results, readiness),
            results=str(folder.results),
            **_setting(client, dataset, plan, journal.results),
        )
        keep(summary)
        write(folder.summary, msgspec.json.format(encoded(summary)) + b"\n")


def _work(
    client: AsyncOpenAI, plan: Plan, tally: Callable[[str, Answer], Tally]
) -> Callable[[Clip | Dialogue | MultipleChoice], Awaitable[Result]]:
    """Return the function that sends one sample and scores its answer with *tally*."""

    async def work(sample: Clip | Dialogue | MultipleChoice) -> Result:
        return score(await attempt(client, plan.task, sample), tally, plan.on_error)

    return work


def _setting(
    client: AsyncOpenAI, dataset: Dataset, plan: Plan, results: Sequence[Result]
) -> dict[str, Any]:
    """Return the summary's fields on the data, the server, the model, and the samples' numbers."""
    counts = count(results, len(dataset.samples))
    return {
        "task": dataset.name,
        "kind": KINDS[type(dataset.samples[0])],
        "base_url": public(str(client.base_url)),
        "model": plan.task.model,
        "models_answering": sorted(
            {r.answer.model for r in results if r.answer and r.answer.model}
        ),
        "manifest": dataset.source,
        "manifest_sha256": dataset.sha256,
        "options": options(client, dataset, plan),
        "counts": counts,
        "complete": counts.answered == counts.samples,
        "versions": versions(),
    }


def settle(plan: Plan, dataset: Dataset) -> tuple[Scorer, Normalizer]:
    """Return the scorer and the normalizer for *dataset*: those of *plan*, else the defaults.

    Raises WrongTask for a scorer of choices without choices, any other one with them, and for
    choices in a stream.
    """
    clips = [sample for sample in dataset.samples if isinstance(sample, Clip)]
    kind = KINDS[type(dataset.samples[0])]
    scorer = plan.scorer or SCORERS[kind]
    if (scorer in OF_CHOICES) != (kind == "choices"):
        samples = "questions with choices" if kind == "choices" else "samples without choices"
        raise WrongTask(f"the scorer {scorer} is not for {samples}")
    if kind == "choices" and plan.task.stream:
        raise WrongTask("questions with choices cannot be streamed: nothing is written")
    languages = {clip.language or plan.task.language for clip in clips}
    return scorer, plan.normalizer or default_normalizer(scorer, languages)


def options(client: AsyncOpenAI, dataset: Dataset, plan: Plan) -> dict[str, Any]:
    """Return all options of the run as plain values; the key is not among them."""
    timeout = client.timeout.read if isinstance(client.timeout, openai.Timeout) else client.timeout
    return {
        **msgspec.to_builtins(plan),
        "limit": dataset.limit,
        "timeout": timeout,
        "max_retries": client.max_retries,
    }
