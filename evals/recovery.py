"""Sends a sample again whose server was gone meanwhile: no sample fails because a server restarts.

A request may itself kill the server, and then fails all that run beside it. So a sample is sent
again at once only once. If it fails in the same way, it waits until all others have ended, and is
then sent alone, at most `ALONE` times: only a sample that kills the server fails then.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from openai import AsyncOpenAI

from evals.ask.client import await_ready
from evals.failures import ServerNotReady
from evals.result import Result

AMONG_OTHERS = 1
"""How often a sample is sent again while others run."""
ALONE = 2
"""How often it is sent again when no other one runs."""


class Recovery:
    """Waits for a server that cannot be reached, at most *seconds*, for all samples together.

    *say* is called with a sentence when a wait begins.
    """

    def __init__(
        self, client: AsyncOpenAI, *, seconds: float, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._client = client
        self._seconds = seconds
        self._say = say
        self._waiting = asyncio.Lock()
        self.gone: ServerNotReady | None = None
        """Why the server is given up; None while it is not."""

    async def is_back(self) -> bool:
        """Wait for the server; return whether it answers. Once given up it is given up for good."""
        async with self._waiting:
            if self.gone is not None or await self._answers():
                return self.gone is None
            self._say(f"the server cannot be reached; waiting for it up to {self._seconds:g} s")
            try:
                await await_ready(self._client, seconds=self._seconds)
            except ServerNotReady as error:
                self.gone = error
        return self.gone is None

    async def _answers(self) -> bool:
        try:
            await await_ready(self._client, seconds=0)
        except ServerNotReady:
            return False
        return True

    async def persist(
        self, send: Callable[[], Awaitable[Result]], *, times: int, before: Result | None = None
    ) -> Result:
        """Await *send*, and at most *times* again after a wait for the server; return the last.

        The result counts all retries, also those of *before*, an earlier result of the sample,
        after which the first *send* is one of the *times*.
        """
        result = before or await send()
        for _ in range(times):
            if not is_unreachable(result) or not await self.is_back():
                break
            again = await send()
            result = msgspec.structs.replace(
                again,
                retries=result.retries + again.retries,
                streams_reasked=result.streams_reasked + again.streams_reasked,
                resent=result.resent + 1,
            )
        return result


def is_unreachable(result: Result) -> bool:
    """Return whether the sample failed because there was no server, not because of its content."""
    return result.error is not None and result.error.unreachable
