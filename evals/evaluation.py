"""Runs one evaluation, from a data set to a summary, with the parts of the other modules.

`evaluate` is longer than a function should be: all that a run is wired from is in one place.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from openai import AsyncOpenAI

from evals.batch.clips import Clips, discard_clips
from evals.batch.parts import Parts
from evals.batch.sender import BatchSender
from evals.batch.server import Server
from evals.batch.submission import Count
from evals.dataset import Clip, Dataset, Dialogue, MultipleChoice, ToolUse
from evals.failures import WrongTask
from evals.files import discard, write_json
from evals.folder import Folder
from evals.journal import Journal
from evals.plan import Plan
from evals.read import read
from evals.recovery import Recovery
from evals.report.spread import spread
from evals.report.summary import Ended, Summary, count, measure, pool, retries, versions
from evals.result import Result
from evals.score.normalizers import Normalizer, default_normalizer, normalizer
from evals.score.scorers import OF_CHOICES, OF_TOOLS, Scorer, is_own, judge
from evals.sending import Sender, pending
from evals.specification import Specification

KINDS: dict[type, str] = {
    Clip: "audio",
    Dialogue: "chat",
    ToolUse: "tools",
    MultipleChoice: "choices",
}
"""The name of each kind of samples in a summary."""
SCORERS: dict[str, Scorer] = {
    "audio": "wer",
    "chat": "exact",
    "tools": "tool",
    "choices": "loglikelihood",
}
"""Each kind's scorer, where the plan names none."""


async def evaluate(
    client: AsyncOpenAI,
    dataset: Dataset,
    specification: Specification,
    folder: Folder,
    *,
    readiness: int = 0,
    watch: Callable[[Result], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    count_batch: Count = lambda *_: None,
    together: Sequence[Folder] = (),
    keep: Callable[[Summary], None],
) -> None:
    """Send each sample that has no answer in *folder* yet; write results at once, and the summary.

    The caller holds *folder*. *watch* is called with every new result, *say* with a sentence while
    the server is gone, *count_batch* with how far batches are, and *keep* with the summary before
    it is written, also if the run is cancelled. Clips that the runs in *together* have uploaded for
    batches are not uploaded again. *readiness* is the number of probes that failed before the
    server was ready. Raises CannotWrite, WrongTask if the plan does not fit the samples,
    ServerNotReady if the server was lost and did not come back in time, and BatchFailed.
    """
    plan = specification.plan
    scorer, normalizer_name = settle(plan, dataset)
    recovery = Recovery(client, seconds=specification.wait, say=say)
    tally = judge(scorer, normalizer(normalizer_name))
    sender: Sender | BatchSender = Sender(client, plan, tally, recovery)
    if plan.via == "batch":
        server = Server(client, recovery, say=say)
        parts, clips = Parts(folder.batches), Clips(server, folder, together)
        sender = BatchSender(server, plan, tally, parts=parts, clips=clips, count=count_batch)
    journal = Journal(folder.results, watch)
    _discard_end(folder)
    ended: Ended = "interrupted"
    wall = 0.0
    try:
        with journal:
            try:
                complete = await sender.send(
                    pending(dataset, plan, journal.results), keep=journal.add
                )
            finally:
                wall = journal.elapsed
        if recovery.gone is not None:
            raise recovery.gone
        ended = "finished" if complete else "stopped"
    finally:
        summary = _summary(
            dataset,
            specification,
            journal.results,
            ended=ended,
            wall=wall,
            readiness=readiness,
            place=folder.results,
        )
        keep(summary)
        write_json(folder.summary, summary)


async def tidy(
    client: AsyncOpenAI,
    specification: Specification,
    folder: Folder,
    *,
    say: Callable[[str], None],
) -> None:
    """Delete the clips that the run in *folder*, which has ended, has uploaded for its batches.

    *say* is called with what stays there. Raises ServerNotReady and CannotWrite.
    """
    recovery = Recovery(client, seconds=specification.wait, say=say)
    server = Server(client, recovery, say=say)
    await discard_clips(server, folder, at_once=specification.plan.concurrency)


def _discard_end(folder: Folder) -> None:
    """Remove what the end of an earlier part has written: it would look like the whole run's."""
    for path in (folder.summary, folder.page, folder.page.with_suffix(".md")):
        discard(path)


def finished(folder: Folder) -> Summary | None:
    """Return the summary of the run in *folder* if all samples were sent; raises NotARun."""
    if not folder.summary.exists():
        return None
    summary = read(folder.path).summary
    return summary if summary.ended == "finished" else None


def _summary(
    dataset: Dataset,
    specification: Specification,
    results: Sequence[Result],
    *,
    ended: Ended,
    wall: float,
    readiness: int,
    place: Path,
) -> Summary:
    """Return the summary of *results*, which are in the file *place*."""
    plan = specification.plan
    scorer, normalizer_name = settle(plan, dataset)
    counts = count(results, len(dataset.samples) * plan.repeat)
    return Summary(
        task=dataset.name,
        kind=KINDS[type(dataset.samples[0])],
        complete=counts.answered == counts.samples,
        ended=ended,
        started_at=specification.started_at,
        base_url=specification.base_url,
        model=plan.task.model,
        models_answering=sorted({r.answer.model for r in results if r.answer and r.answer.model}),
        manifest=dataset.source,
        manifest_sha256=dataset.sha256,
        options=options(specification),
        counts=counts,
        score=pool(results, scorer=scorer, normalizer=normalizer_name),
        speed=measure(results, wall),
        retries=retries(results, readiness),
        spread=spread(results, repeats=plan.repeat),
        results=str(place),
        versions=versions(),
    )


def settle(plan: Plan, dataset: Dataset) -> tuple[Scorer, Normalizer]:
    """Return the scorer and the normalizer for *dataset*: those of *plan*, else the defaults.

    Raises WrongTask for a scorer of another kind of samples, for choices in a stream, and for
    options that no batch can have.
    """
    clips = [sample for sample in dataset.samples if isinstance(sample, Clip)]
    kind = KINDS[type(dataset.samples[0])]
    scorer = plan.scorer or SCORERS[kind]
    _refuse_misfit(scorer, kind)
    if kind == "choices" and plan.task.stream:
        raise WrongTask("questions with choices cannot be streamed: nothing is written")
    _refuse_by_batch(plan)
    languages = {clip.language or plan.task.language for clip in clips}
    return scorer, plan.normalizer or default_normalizer(scorer, languages)


def _refuse_by_batch(plan: Plan) -> None:
    """Raise WrongTask if *plan* sends batches, and has an option that they cannot have."""
    if plan.via != "batch":
        return
    if plan.task.stream:
        raise WrongTask("--stream is not for --via batch: a batch has whole answers only")
    if plan.on_error == "stop":
        raise WrongTask("--on-error stop is not for --via batch: all samples are sent at once")


def _refuse_misfit(scorer: Scorer, kind: str) -> None:
    """Raise WrongTask if *scorer* is not for samples of this kind; one's own is for all."""
    if is_own(scorer):
        return
    for only, name, what in ((OF_CHOICES, "choices", "choices"), (OF_TOOLS, "tools", "calls")):
        if (scorer in only) != (kind == name):
            samples = f"samples {'with' if kind == name else 'without'} {what}"
            raise WrongTask(f"the scorer {scorer} is not for {samples}")


def options(specification: Specification) -> dict[str, Any]:
    """Return all options of the run as plain values; the key is not among them."""
    return {
        **msgspec.to_builtins(specification.plan),
        "limit": specification.limit,
        "timeout": specification.timeout,
        "max_retries": specification.max_retries,
        "wait": specification.wait,
    }
