"""Calls `/v1/files` and `/v1/batches`, again where the server was gone meanwhile."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import backoff
import openai
from openai import AsyncOpenAI
from openai.types import Batch, FileObject

from evals.address import public
from evals.ask.describe import is_unreachable, to_failure
from evals.batch.parts import Part
from evals.failures import BatchFailed, WrongServer, short
from evals.recovery import Recovery

T = TypeVar("T")

AGAIN = 3
"""How often a call is made again after a wait for the server."""
ENDED = {"completed", "failed", "expired", "cancelled"}
"""The states that a batch does not leave."""
WITHOUT = {404, 405, 501}
"""HTTP statuses of a server without these routes."""
CLOCKS = 3600
"""Seconds that the clocks of client and server may differ."""
LIFE = 30 * 24 * 3600
"""Seconds after which the server may delete a clip that was left there; OpenAI's longest."""
NAME = "evals_part"
"""The key in a batch's metadata that has the token of its part."""


async def refuse_without(client: AsyncOpenAI) -> None:
    """Raise WrongServer if the server of *client* has no batches."""
    try:
        await client.batches.list(limit=1)
    except openai.APIStatusError as error:
        where = public(str(client.base_url)).rstrip("/")
        reason = short(to_failure(error, secret=client.api_key).message)
        if error.status_code in WITHOUT:
            raise WrongServer(
                f"{where} has no batches ({reason}): leave out --via batch"
            ) from error
        raise WrongServer(f"{where}/batches: {reason}") from error
    except openai.APIError as error:
        reason = short(to_failure(error, secret=client.api_key).message)
        raise WrongServer(f"the list of batches: {reason}") from error


class Server:
    """The files and batches of one server. *say* is called with what the user has to know.

    Every method raises BatchFailed and ServerNotReady.
    """

    def __init__(
        self, client: AsyncOpenAI, recovery: Recovery, *, say: Callable[[str], None]
    ) -> None:
        self.client = client
        self._recovery = recovery
        self._say = say

    async def upload(self, name: str, content: bytes) -> str:
        """Upload the lines of a batch; return the file's id."""
        file = (name, content)
        made = await self.call(
            FileObject, lambda: self.client.files.create(file=file, purpose="batch")
        )
        return made.id

    async def create(self, part: Part, *, run: str, may_exist: bool) -> Batch:
        """Return the batch of *part*: the one that exists already, else a new one.

        *may_exist* is whether an earlier process may have created it. A creation that got no answer
        is not simply sent again: it could make a second batch, with all its costs.
        """
        once = self.client.with_options(max_retries=0)

        async def create() -> Batch:
            nonlocal may_exist
            if may_exist and (found := await self._existing(part)):
                return found[0]
            may_exist = True
            return await once.batches.create(
                input_file_id=part.input_file_id,
                # The SDK's type has no speech, which some servers have.
                endpoint=part.endpoint,  # type: ignore[arg-type]
                completion_window="24h",
                metadata={"evals_run": run, NAME: part.token},
            )

        # As often as the SDK would; each time it is looked for first.
        retrying = backoff.on_exception(
            backoff.expo,
            (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError),
            factor=0.5,
            max_value=8,
            max_tries=self.client.max_retries + 1,
            logger=None,
        )
        return await self.call(Batch, retrying(create))

    async def _existing(self, part: Part) -> list[Batch]:
        """Return the batch of *part*, whose id is not known; none if there is none."""
        async for batch in self.client.batches.list(limit=100):  # the newest first
            if (batch.metadata or {}).get(NAME) == part.token:
                return [batch]
            if batch.created_at < part.written_at - CLOCKS:
                break
        return []

    async def retrieve(self, part: Part) -> Batch:
        """Return the batch of *part* as it is now."""
        batch_id = part.batch_id
        assert batch_id is not None  # noqa: S101 - `create` returned it
        try:
            return await self.call(Batch, lambda: self.client.batches.retrieve(batch_id))
        except BatchFailed as error:
            raise BatchFailed(
                f"{batch_id}: {error}; if the server has lost it, remove the run's folder"
                " `batches`, and its samples are sent again"
            ) from error

    async def cancel(self, part: Part) -> bool:
        """End the batch of *part*; return whether there is one that had not ended before."""
        found: list[Batch]
        if part.batch_id:
            found = [await self.retrieve(part)]
        else:
            found = await self.call(list, lambda: self._existing(part))
        running = [batch for batch in found if batch.status not in ENDED]
        for batch in running:
            await self.call(Batch, partial(self.client.batches.cancel, batch.id))
        return bool(running)

    async def content(self, file_id: str | None) -> bytes:
        """Return the bytes of a file, none for None."""
        if file_id is None:
            return b""
        found = await self.call(object, lambda: self.client.files.content(file_id))
        content: bytes = found.content  # type: ignore[attr-defined]
        return content

    async def delete(self, file_id: str) -> None:
        """Delete a file that may be there; say it if the server refuses to."""
        try:
            await self.persist(lambda: self.client.files.delete(file_id))
        except openai.NotFoundError:
            return  # before a kill
        except openai.APIError as error:
            failure = to_failure(error, secret=self.client.api_key)
            self._say(f"{file_id} stays at the server: {short(failure.message)}")

    async def call(self, kind: type[T], request: Callable[[], Awaitable[object]]) -> T:
        """Return the answer to *request*, which is a *kind*."""
        try:
            answer = await self.persist(request)
        except openai.APIError as error:
            failure = to_failure(error, secret=self.client.api_key)
            raise BatchFailed(short(failure.message)) from error
        if not isinstance(answer, kind):
            raise BatchFailed(f"the server's answer is not a {kind.__name__}")
        return answer

    async def persist(self, request: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to *request*; wait for a server that is gone, and send it again.

        Raises openai.APIError in place of BatchFailed.
        """
        for _ in range(AGAIN):
            try:
                return await request()
            except openai.APIError as error:
                if not is_unreachable(error):
                    raise
            if not await self._recovery.is_back() and self._recovery.gone:
                raise self._recovery.gone
        return await request()
