"""Submits requests as batches: uploads the clips and the lines, and creates each batch once."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal

import msgspec

from evals.batch import lines
from evals.batch.clips import Clips
from evals.batch.parts import Part, Parts
from evals.batch.server import Server
from evals.dataset import Clip
from evals.plan import Plan
from evals.result import Failure
from evals.sending import Job, numbered

MAX_LINES = 50_000
"""Most requests in a batch, as at OpenAI."""
MAX_BYTES = 190_000_000
"""Most bytes of a batch's lines; OpenAI's limit is 200 MB."""

Count = Callable[[Literal["uploaded", "answered"], int, int, int], None]
"""Called with what the server does, and the numbers of what is done, failed, and to be done."""


class Submission:
    """Submits the requests of *plan* to *server*, and remembers them in *parts* and *clips*."""

    def __init__(
        self, server: Server, plan: Plan, *, parts: Parts, clips: Clips, count: Count
    ) -> None:
        self._server = server
        self._plan = plan
        self._parts = parts
        self._clips = clips
        self._count = count

    async def known(self) -> list[Part]:
        """Return the parts of earlier processes that are not read; create their missing batches."""
        found = self._parts.load()
        for part in found:
            if part.read:
                await self.discard(part)
        return [
            part if part.batch_id else await self._create(part, may_exist=True)
            for part in found
            if not part.read
        ]

    async def discard(self, part: Part) -> None:
        """Delete the files of *part*, which is read, and forget it."""
        for file_id in part.read:
            await self._server.delete(file_id)
        self._parts.forget(part)

    async def submit(
        self, jobs: Sequence[Job], *, round_: int
    ) -> tuple[list[Part], dict[str, Failure]]:
        """Submit *jobs*; return the parts, and by clip the failures of those that are in no part.

        *round_* is how many batches the jobs were in before.
        """
        clips = [job.sample for job in jobs if isinstance(job.sample, Clip)]
        count = partial(self._count, "uploaded")
        failed = await self._clips.upload(clips, at_once=self._plan.concurrency, count=count)
        sent = [
            job
            for job in jobs
            if not isinstance(job.sample, Clip) or str(job.sample.audio) not in failed
        ]
        parts = [await self._submit(chunk, round_) for chunk in self._chunks(sent)]
        return parts, failed

    def _chunks(self, jobs: Iterable[Job]) -> Iterator[list[tuple[Job, bytes]]]:
        """Yield *jobs* with their lines, as many at once as a batch may hold."""
        chunk: list[tuple[Job, bytes]] = []
        size = 0
        for job in jobs:
            line = lines.line(job, numbered(self._plan.task, job.repeat), self._clips.ids)
            if chunk and (len(chunk) == MAX_LINES or size + len(line) > MAX_BYTES):
                yield chunk
                chunk, size = [], 0
            chunk.append((job, line))
            size += len(line)
        if chunk:
            yield chunk

    async def _submit(self, chunk: Sequence[tuple[Job, bytes]], round_: int) -> Part:
        token = secrets.token_hex(8)
        content = b"".join(line for _, line in chunk)
        part = Part(
            token=token,
            ids=[lines.custom_id(job) for job, _ in chunk],
            round=round_,
            endpoint=lines.endpoint(chunk[0][0].sample),
            input_file_id=await self._server.upload(f"{token}.jsonl", content),
            written_at=int(time.time()),
        )
        # Kept before there is a batch: after a kill in between it is looked for.
        return await self._create(self._parts.keep(part), may_exist=False)

    async def _create(self, part: Part, *, may_exist: bool) -> Part:
        run = self._parts.place.parent.name
        batch = await self._server.create(part, run=run, may_exist=may_exist)
        return self._parts.keep(msgspec.structs.replace(part, batch_id=batch.id))
