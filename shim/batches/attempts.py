"""Sends one line until it has an answer: faults that pass are not the answer of a batch's line."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Literal, TypeAlias

from .line_request import AnswerCut, LineAnswer, LineRequest

Send: TypeAlias = Callable[[LineRequest], Awaitable[LineAnswer]]
"""Returns the answer to one request, as `LineApp.answer` does."""

_FEW = 3
"""Attempts of a request that fails in a way that may be its own fault."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0

_OVERLOADED = frozenset({429, 502, 503})
_DOUBTFUL = frozenset({408, 409, *range(500, 600)}) - _OVERLOADED

Kind: TypeAlias = Literal["final", "few", "until the end"]


def kind_of(status: int) -> Kind:
    """Return how often a request is sent whose answer has *status*.

    There are three cases:

    - a success, or a fault of the request: the answer is final;
    - 429, 502 and 503: the model is overloaded, dead or not there yet. That says nothing of the
      request, which is sent again until its batch ends;
    - a time-out, a conflict, an unforeseen error: it may pass, or come each time.
    """
    if status in _OVERLOADED:
        return "until the end"
    return "few" if status in _DOUBTFUL else "final"


class Stopped(Exception):
    """The server stops, and the request has no answer that counts."""


class Attempts:
    """Sends requests by *send*, each until its answer is final, or the server stops."""

    def __init__(self, send: Send, on_retry: Callable[[], None] = lambda: None) -> None:
        """*on_retry* is called each time that a request is to be sent again."""
        self._send = send
        self._on_retry = on_retry
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Send nothing again, and end the pauses."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    async def answered(self, request: LineRequest) -> LineAnswer:
        """Return the answer to *request*.

        Raises Stopped; and AnswerCut if the answer was cut off `_FEW` times.
        """
        doubtful = 0
        for attempt in count(1):
            answer = await self._sent(request, last=doubtful + 1 >= _FEW)
            kind = "few" if answer is None else kind_of(answer.status)
            doubtful += kind == "few"
            if answer is not None and (kind == "final" or doubtful >= _FEW):
                return answer
            self._on_retry()
            await self.pause(_pause(attempt, answer))
        raise AssertionError  # `count` has no end

    async def _sent(self, request: LineRequest, *, last: bool) -> LineAnswer | None:
        """Return the answer; None if it was cut off and this is not the *last* attempt."""
        try:
            return await self._send(request)
        except AnswerCut:
            if last:
                raise
            return None

    async def pause(self, seconds: float) -> None:
        """Wait for *seconds*. Raises Stopped at once when the server stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise Stopped


def _pause(attempts: int, answer: LineAnswer | None) -> float:
    """Return the seconds before the next attempt: what the answer says, or longer each time."""
    headers = {} if answer is None else dict(answer.headers)
    if (said := headers.get(b"retry-after-ms", b"")).isdigit():
        return min(int(said) / 1000, _LONGEST_PAUSE)
    if (said := headers.get(b"retry-after", b"")).isdigit():
        return min(float(said), _LONGEST_PAUSE)
    longest = min(_FIRST_PAUSE * 2 ** min(attempts, 10), _LONGEST_PAUSE)
    return random.uniform(longest / 2, longest)  # noqa: S311  not a secret
