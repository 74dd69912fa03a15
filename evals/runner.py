"""Runs many samples, a few at a time; each becomes a result, also if it fails."""

import asyncio
import time
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from openai import AsyncOpenAI

from evals.ask import chat, choices, transcription
from evals.ask.clip_duration import seconds
from evals.ask.describe import to_failure
from evals.ask.retries import Tries
from evals.ask.task import Task
from evals.dataset import Clip, Dialogue, MultipleChoice
from evals.failures import NotScored
from evals.result import Answer, Failure, OnError, Result, Tally

Job = TypeVar("Job")


class _Stopped(Exception):
    """A result after which the run stops."""


async def attempt(
    client: AsyncOpenAI, task: Task, sample: Clip | Dialogue | MultipleChoice
) -> Result:
    """Send *sample* and return its result, not scored yet; only cancellation is raised."""
    tries = Tries()
    outcome: Answer | Failure
    start = time.perf_counter()
    try:
        match sample:
            case Clip():
                outcome = await transcription.ask(client, task, sample, tries)
            case Dialogue():
                outcome = await chat.ask(client, task, sample, tries)
            case MultipleChoice():
                outcome = await choices.ask(client, task, sample, tries)
    except Exception as error:  # noqa: BLE001 - a sample ends here; it must not end the others
        outcome = to_failure(error, secret=client.api_key)
    return await to_result(sample, outcome, latency=time.perf_counter() - start, tries=tries)


async def to_result(
    sample: Clip | Dialogue | MultipleChoice,
    outcome: Answer | Failure,
    *,
    latency: float | None,
    tries: Tries,
) -> Result:
    """Return the result of *sample*, not scored yet. *latency* is in seconds, None: unknown."""
    length = await to_thread(seconds, sample.audio) if isinstance(sample, Clip) else None
    return Result(
        index=sample.index,
        id=sample.id,
        status="ok" if isinstance(outcome, Answer) else "failed",
        target=sample.target,
        audio=str(sample.audio.absolute()) if isinstance(sample, Clip) else None,
        question=_question(sample),
        answer=outcome if isinstance(outcome, Answer) else None,
        error=None if isinstance(outcome, Answer) else outcome,
        latency=latency,
        audio_seconds=length,
        retries=tries.sdk,
        streams_reasked=tries.streams,
        metadata=sample.metadata,
    )


def _question(sample: Clip | Dialogue | MultipleChoice) -> str | None:
    match sample:
        case Dialogue():
            return sample.question
        case MultipleChoice():
            return sample.prompt
    return None


def score(result: Result, judge: Callable[[Answer], Tally], on_error: OnError) -> Result:
    """Return *result* with its tally. A failed sample gets one only if *on_error* is "empty".

    An answer that *judge* cannot score makes a failed sample.
    """
    answer = result.answer or (Answer(text="") if on_error == "empty" else None)
    if answer is None:
        return result
    try:
        return msgspec.structs.replace(result, tally=judge(answer))
    except NotScored as error:
        failure = to_failure(error, secret="")
        return msgspec.structs.replace(result, status="failed", answer=None, error=failure)


async def run(
    jobs: Sequence[Job],
    work: Callable[[Job], Awaitable[Result | None]],
    *,
    concurrency: int,
    stop: Callable[[Result], bool],
    keep: Callable[[Result], None],
) -> bool:
    """Await *work* for every job, at most *concurrency* at once; call *keep* with each result.

    *keep* gets each result when its job ends, but for None. Returns False if *stop* was true of a
    result: then running requests are cancelled, and their samples count as not asked. Raises what
    *keep* or *work* raises, not wrapped in a group.
    """
    waiting = iter(jobs)
    complete = True

    async def worker() -> None:
        for job in waiting:
            result = await work(job)
            if result is None:
                continue
            keep(result)
            if stop(result):
                raise _Stopped

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(jobs))):
                group.create_task(worker())
    # Not `except*`: before Python 3.11.4 it wraps an error that is raised within it in a new group.
    except ExceptionGroup as group:
        # Each worker may raise the same error, as for a full disk: one is enough to report.
        for error in group.exceptions:
            if not isinstance(error, _Stopped):
                raise error from group
        complete = False
    return complete
