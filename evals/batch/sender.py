"""Sends the samples of a run as batches, waits for them, and reads their results."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
from openai.types import Batch

from evals.ask.retries import Tries
from evals.batch import lines
from evals.batch.clips import Clips
from evals.batch.parts import Part, Parts
from evals.batch.refusal import refusal
from evals.batch.server import ENDED, Server
from evals.batch.submission import Count, Submission
from evals.dataset import Clip, Sample
from evals.failures import BatchFailed
from evals.plan import Plan
from evals.result import Answer, Failure, Result, Tally
from evals.runner import score, to_result
from evals.sending import Job, numbered

FIRST_WAIT, LAST_WAIT = 0.25, 30.0
"""Bounds of the time between two looks at a batch, seconds."""
WAIT = 0.1
"""Part of the time waited so far that the next wait lasts: an end is seen 10 % late at most."""


class BatchSender:
    """Sends jobs to *server* as batches, and scores their answers with *tally*.

    *parts* and *clips* remember what is at the server, in the run's folder.
    """

    def __init__(
        self,
        server: Server,
        plan: Plan,
        tally: Callable[[Sample, Answer], Tally],
        *,
        parts: Parts,
        clips: Clips,
        count: Count,
    ) -> None:
        self._server = server
        self._plan = plan
        self._tally = tally
        self._parts = parts
        self._count = count
        self._submission = Submission(server, plan, parts=parts, clips=clips, count=count)
        self._read = 0
        """The number of requests whose batch has ended, for *count*."""

    async def send(self, jobs: Sequence[Job], keep: Callable[[Result], None]) -> bool:
        """Send *jobs* that are in no batch yet, and call *keep* with the result of each job.

        A request whose failure may pass is in as many further batches as an HTTP request has
        retries. Returns True. Raises BatchFailed, ServerNotReady and CannotWrite; what is at the
        server then stays there.
        """
        wanted = {lines.custom_id(job): job for job in jobs}
        parts = await self._submission.known()
        known = _ids(parts)
        fresh = [job for id_, job in wanted.items() if id_ not in known]
        parts += await self._submit(fresh, 0, keep)
        while parts:
            part, batch = await self._ended(parts)
            parts.remove(part)
            # A kill may have come between a further batch and the end of the one before it.
            mine = wanted.keys() - _ids(parts)
            here = {id_: wanted[id_] for id_ in part.ids if id_ in mine}
            again = await self._results(part, batch, here, keep)
            parts += await self._submit(again, part.round + 1, keep)
            await self._discard(part, batch)
        return True

    async def _submit(
        self, jobs: Sequence[Job], round_: int, keep: Callable[[Result], None]
    ) -> list[Part]:
        """Submit *jobs*, and keep a result of those whose clip is refused; return the parts."""
        parts, failed = await self._submission.submit(jobs, round_=round_)
        for job in jobs:
            if isinstance(job.sample, Clip) and (failure := failed.get(str(job.sample.audio))):
                await self._keep(job, failure, round_, keep)
        return parts

    async def _ended(self, parts: Sequence[Part]) -> tuple[Part, Batch]:
        """Wait until a batch of *parts* has ended, and return both."""
        begin = time.monotonic()
        while True:
            done = failed = 0
            for part in parts:
                batch = await self._server.retrieve(part)
                if batch.status in ENDED:
                    return part, batch
                if batch.request_counts is not None:
                    done += batch.request_counts.completed + batch.request_counts.failed
                    failed += batch.request_counts.failed
            self._count("answered", self._read + done, failed, self._read + len(_ids(parts)))
            waited = time.monotonic() - begin
            await asyncio.sleep(min(max(waited * WAIT, FIRST_WAIT), LAST_WAIT))

    async def _results(
        self, part: Part, batch: Batch, jobs: Mapping[str, Job], keep: Callable[[Result], None]
    ) -> list[Job]:
        """Keep the results of *jobs*, which are in *part*; return those that are sent again."""
        if batch.status == "failed":
            await self._discard(part, batch)
            raise BatchFailed(refusal(part, batch, jobs))
        found = await self._lines(part, batch)
        again = []
        for id_, job in jobs.items():
            outcome = self._outcome(found.get(id_), job, batch)
            if _passes(outcome) and part.round < self._server.client.max_retries:
                again.append(job)
            else:
                await self._keep(job, outcome, part.round, keep)
        self._read += len(part.ids) - len(again)
        return again

    async def _lines(self, part: Part, batch: Batch) -> dict[str, lines.Line]:
        """Return the lines of the results of *part* by their requests."""
        found = {}
        for file_id in (batch.output_file_id, batch.error_file_id):
            for line in lines.lines(await self._server.content(file_id)):
                found[line.custom_id] = line
        if strange := found.keys() - set(part.ids):
            raise BatchFailed(f"{batch.id} has results of other requests, such as {min(strange)!r}")
        return found

    def _outcome(self, line: lines.Line | None, job: Job, batch: Batch) -> Answer | Failure:
        if line is None:
            message = f"{batch.id} is {batch.status}, and has no line for it"
            return Failure(type="no_response", message=message)
        task = numbered(self._plan.task, job.repeat)
        return lines.outcome(line, task, job.sample, secret=self._server.client.api_key)

    async def _keep(
        self, job: Job, outcome: Answer | Failure, round_: int, keep: Callable[[Result], None]
    ) -> None:
        result = await to_result(job.sample, outcome, latency=None, tries=Tries(sdk=round_))
        result = msgspec.structs.replace(result, repeat=job.repeat)
        keep(score(result, partial(self._tally, job.sample), self._plan.on_error))

    async def _discard(self, part: Part, batch: Batch) -> None:
        """Delete the files of *part*, whose *batch* has been read, and forget it."""
        files = (part.input_file_id, batch.output_file_id, batch.error_file_id)
        read = [file_id for file_id in files if file_id is not None]
        part = self._parts.keep(msgspec.structs.replace(part, read=read))
        await self._submission.discard(part)


def _ids(parts: Sequence[Part]) -> set[str]:
    return {id_ for part in parts for id_ in part.ids}


def _passes(outcome: Answer | Failure) -> bool:
    return isinstance(outcome, Failure) and lines.passes(outcome)
