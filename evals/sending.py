"""Sends the samples of a run that have no answer yet, each as often as the plan says."""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from openai import AsyncOpenAI

from evals.ask.task import Task
from evals.dataset import Clip, Dataset, Dialogue, MultipleChoice, Sample
from evals.plan import Plan
from evals.recovery import ALONE, AMONG_OTHERS, Recovery, is_unreachable
from evals.result import Answer, Result, Tally
from evals.runner import attempt, run, score


class Job(msgspec.Struct, frozen=True):
    """A sample, and how often it was sent before."""

    sample: Clip | Dialogue | MultipleChoice
    repeat: int


def pending(dataset: Dataset, plan: Plan, results: Sequence[Result]) -> list[Job]:
    """Return the jobs of which *results* has no answer; all samples once, then all again."""
    answered = {(result.index, result.repeat) for result in results if result.answer is not None}
    return [
        Job(sample, repeat)
        for repeat in range(plan.repeat)
        for sample in dataset.samples
        if (sample.index, repeat) not in answered
    ]


class Sender:
    """Sends jobs to one server, and scores their answers with *tally*."""

    def __init__(
        self,
        client: AsyncOpenAI,
        plan: Plan,
        tally: Callable[[Sample, Answer], Tally],
        recovery: Recovery,
    ) -> None:
        self._client = client
        self._plan = plan
        self._tally = tally
        self._recovery = recovery

    async def send(self, jobs: Sequence[Job], keep: Callable[[Result], None]) -> bool:
        """Send *jobs*, and call *keep* with each result; return False if a failure ended it.

        That is a failed sample of a plan that stops then, or a server that did not come back. Jobs
        that failed twice because the server was gone are sent last, one after the other.
        """
        postponed: list[tuple[Job, Result]] = []

        async def among_others(job: Job) -> Result | None:
            result = await self._recovery.persist(lambda: self._attempt(job), times=AMONG_OTHERS)
            if is_unreachable(result) and self._recovery.gone is None:
                postponed.append((job, result))
                return None
            return self._scored(job, result)

        async def alone(item: tuple[Job, Result]) -> Result:
            job, before = item
            again = self._recovery.persist(lambda: self._attempt(job), times=ALONE, before=before)
            return self._scored(job, await again)

        several = self._plan.concurrency
        return await run(
            jobs, among_others, concurrency=several, stop=self._ends, keep=keep
        ) and await run(postponed, alone, concurrency=1, stop=self._ends, keep=keep)

    async def _attempt(self, job: Job) -> Result:
        result = await attempt(self._client, numbered(self._plan.task, job.repeat), job.sample)
        return msgspec.structs.replace(result, repeat=job.repeat)

    def _scored(self, job: Job, result: Result) -> Result:
        return score(result, partial(self._tally, job.sample), self._plan.on_error)

    def _ends(self, result: Result) -> bool:
        failed = result.status == "failed"
        return failed and (self._plan.on_error == "stop" or self._recovery.gone is not None)


def numbered(task: Task, repeat: int) -> Task:
    """Return *task* with the seed of *repeat*: with the same one all repeats would be equal."""
    if task.seed is None:
        return task
    return msgspec.structs.replace(task, seed=task.seed + repeat)
