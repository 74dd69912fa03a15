"""Runs the lines of one batch that have no result yet, several at a time."""

import asyncio
import logging
from array import array
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

import msgspec
from msgspec import Raw

from shim.serving.batch_metrics import BatchMetrics

from .attempts import Attempts, Stopped
from .batch import Batch
from .line_request import LineAnswer, LineRequest
from .lines import Lines, Request
from .results import LineError, Response, Result, Results, result_id
from .starts import MOST_STARTS, Starts
from .turns import Turns

log = logging.getLogger(__name__)

_LARGE = 1 << 18
"""Bytes of a line above which it is read in a thread."""

_WRITE_AGAIN_SECONDS = 5.0


class Run:
    """The lines of one batch, in one process. All state that outlives it is in *results*."""

    def __init__(
        self,
        batch: Batch,
        lines: Lines,
        results: Results,
        starts: Starts,
        *,
        attempts: Attempts,
        turns: Turns,
        metrics: BatchMetrics,
    ) -> None:
        self._batch = batch
        self._lines = lines
        self._results = results
        self._starts = starts
        self._attempts = attempts
        self._turns = turns
        self._metrics = metrics

    async def all_lines(self) -> None:
        """Run what has no result: side by side for each model, in the order of the file.

        If the server stops, this ends once what is in flight has ended, and raises Stopped if
        lines are left. Cancelled, it ends what is in flight.
        Lines that were in flight when the server died twice run at the end, each alone, so that
        one that kills it takes no other line with it.
        """
        lanes, suspects = self._lanes()
        async with asyncio.TaskGroup() as group:
            for model, indexes in lanes.items():
                group.create_task(self._lane(model, indexes, group))
        for index in suspects:
            if not self._attempts.stopping:
                await self._line(index)
        if not self._results.are_complete:
            raise Stopped

    def _lanes(self) -> tuple[dict[str, "array[int]"], list[int]]:
        """Return the lines to be run for each model, and those to be run alone."""
        lanes: dict[str, array[int]] = defaultdict(lambda: array("I"))
        suspects = []
        for index in range(len(self._lines)):
            if index in self._results:
                continue
            if self._starts.before(index) >= MOST_STARTS - 1:
                suspects.append(index)
            else:
                lanes[self._turns.model(self._lines.model(index))].append(index)
        return lanes, suspects

    async def _lane(self, model: str, indexes: Iterable[int], group: asyncio.TaskGroup) -> None:
        for index in indexes:
            turn = await self._turns.take(model)
            if self._attempts.stopping:
                turn.release()
                return
            task = group.create_task(self._line(index))
            task.add_done_callback(partial(_release, turn))

    async def _line(self, index: int) -> None:
        """Run one line and write its result."""
        request = await self._read(index)
        try:
            result = await self._result(index, request)
            await self._write(result)
        except Stopped:
            self._starts.take_back(index)
        except asyncio.CancelledError:
            self._starts.take_back(index)
            raise

    async def _read(self, index: int) -> Request:
        if self._lines.length(index) < _LARGE:
            return self._lines.request(index)
        return await asyncio.to_thread(self._lines.request, index)

    async def _result(self, index: int, request: Request) -> Result:
        if self._starts.before(index) >= MOST_STARTS:
            return self._failure(
                index,
                request,
                "server_error",
                f"The server ended {MOST_STARTS} times while it ran this request.",
            )
        self._starts.add(index)
        line = LineRequest(
            batch=self._batch.id,
            owner=self._batch.owner,
            path=self._batch.endpoint,
            body=bytes(request.body),
        )
        try:
            answer = await self._attempts.answered(line)
        except Stopped:
            raise
        # Here a request ends: what a bug makes of one line must not end the others.
        except Exception:
            log.exception("a line of %s failed", self._batch.id)
            message = "The server had an error while processing this request."
            return self._failure(index, request, "server_error", message)
        response = Response(answer.status, answer.request_id, _as_json(answer))
        return Result(result_id(self._batch.id, index), request.custom_id, response, None)

    def _failure(self, index: int, request: Request, code: str, message: str) -> Result:
        error = LineError(code, message)
        return Result(result_id(self._batch.id, index), request.custom_id, None, error)

    async def _write(self, result: Result) -> None:
        """Write *result*, as soon as the disk takes it. Raises Stopped."""
        while True:
            try:
                await self._results.add(result)
            except OSError as error:
                log.error("%s: a result cannot be written: %s", self._batch.id, error)  # noqa: TRY400
                await self._attempts.pause(_WRITE_AGAIN_SECONDS)
            else:
                self._metrics.count_line("completed" if result.is_answer else "failed")
                return


def _release(turn: asyncio.Semaphore, _: object) -> None:
    turn.release()


def _as_json(answer: LineAnswer) -> Raw:
    """Return an answer's body as JSON on one line; what is not JSON, as subtitles, as a string."""
    if dict(answer.headers).get(b"content-type", b"").startswith(b"application/json"):
        # Another server may answer with line breaks, or with less than JSON.
        with suppress(msgspec.DecodeError):
            return Raw(msgspec.json.format(answer.body, indent=-1))
    return Raw(msgspec.json.encode(answer.body.decode(errors="replace")))
