"""Sends a request to a server of the pool, and to another one if that fails before its answer."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator

import aiohttp
import backoff

from backends.base import RemoteHead, RemoteRequest
from backends.config import RemoteOptions
from backends.failures import BackendError, UpstreamRefused

from .attempt import Attempt, Reuse, StaleConnection, attempted, reading
from .budget import RetryBudget
from .headers import to_client
from .pool import Pool
from .upstream import UpstreamState

log = logging.getLogger(__name__)

_BUSY = frozenset({429, 502, 503, 504})
"""Statuses with which another server may answer otherwise, and that cost no computation."""

_NOT_FOUND = 404

_LONGEST_DELAY = 1.0
"""Most seconds before a further attempt."""


class Sender:
    """Sends the requests of one model."""

    def __init__(self, session: aiohttp.ClientSession, pool: Pool, options: RemoteOptions) -> None:
        self._session = session
        self._pool = pool
        self._options = options
        self._budget = RetryBudget()

    async def send(self, request: RemoteRequest) -> AsyncGenerator[RemoteHead | bytes, None]:
        """Yield the head and the bytes of one answer, as `RemoteBackend.send` says."""
        sending = _Sending(self._session, self._pool, self._options, self._budget)
        answered = sending.tried_everywhere if request.everywhere else sending.answered
        attempt = await answered(request)
        del request  # its body may have 64 MB, and an answer may last for minutes
        try:
            yield RemoteHead(
                status=attempt.status,
                headers=tuple(to_client(attempt.headers, events=attempt.has_events)),
                events=attempt.has_events,
                upstream=attempt.server.name,
                attempts=sending.attempts,
            )
            if attempt.beginning:
                yield attempt.beginning
            if attempt.is_whole:
                return
            with reading(self._pool, attempt.server):
                while piece := await attempt.more():
                    yield piece
        finally:
            attempt.close()


class _Sending:
    """One request on its way: the attempts so far."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        pool: Pool,
        options: RemoteOptions,
        budget: RetryBudget,
    ) -> None:
        self._session = session
        self._pool = pool
        self._options = options
        self._budget = budget
        self.attempts = 0
        """Requests that were sent to servers."""

    async def answered(self, request: RemoteRequest) -> Attempt:
        """Return the first answer that is worth sending on; the caller closes it.

        It is the last one if no further attempt is allowed. Raises what `RemoteBackend.send` does.
        """
        self._budget.earn()
        delays = self._delays()
        retries = self._options.retries
        server: UpstreamState | None = None
        while True:
            server = await self._pool.take(request.affinity, server, start_by=request.start_by)
            try:
                attempt = await self._attempt(server, request)
            except BackendError as error:
                if not self._may_go_on(server, retries):
                    raise
                log.info("%s: tried again after: %s", server.name, error)
            else:
                if attempt.status not in _BUSY or not self._may_go_on(server, retries):
                    return self._checked(attempt)
                log.info("%s: tried again after status %d", server.name, attempt.status)
                attempt.close()
            retries -= 1
            await asyncio.sleep(next(delays))

    async def tried_everywhere(self, request: RemoteRequest) -> Attempt:
        """Return the first answer of a server that is not a 404, else the last 404."""
        *others, last = self._pool.servers
        for server in others:
            server.outstanding += 1
            try:
                attempt = await self._attempt(server, request)
            except BackendError as error:
                log.info("%s: the next server is tried after: %s", server.name, error)
                continue
            if attempt.status != _NOT_FOUND:
                return self._checked(attempt)
            attempt.close()
        last.outstanding += 1
        return self._checked(await self._attempt(last, request))

    async def _attempt(self, server: UpstreamState, request: RemoteRequest) -> Attempt:
        """Return the begun answer of *server*, which has a place for it; assess the server by it.

        A kept connection may end just as a request is sent: that is tried again at once.
        """
        try:
            try:
                attempt = await self._sent(server, request, Reuse())
            except StaleConnection:
                attempt = await self._sent(server, request, None)
        except BaseException:
            self._pool.release(server)
            raise
        if (seconds := attempt.retry_after()) is not None:
            server.pause(seconds)
        elif attempt.status in _BUSY and not attempt.has_api_error():
            self._pool.failed(server, f"status {attempt.status} without the error of an API")
        return attempt

    async def _sent(
        self, server: UpstreamState, request: RemoteRequest, reuse: Reuse | None
    ) -> Attempt:
        self.attempts += 1
        return await attempted(
            self._session,
            self._pool,
            server,
            request,
            reuse,
            whole_streams=self._options.whole_streams,
        )

    def _may_go_on(self, server: UpstreamState, retries: int) -> bool:
        """Return whether the request may be tried at another server than *server*."""
        return retries > 0 and self._pool.has_other(server) and self._budget.spend()

    def _checked(self, attempt: Attempt) -> Attempt:
        """Return *attempt*; close it and raise UpstreamRefused if its answer is not for clients."""
        if (fault := _fault(attempt)) is None:
            return attempt
        attempt.close()
        log.warning("%s: answered with status %d: %s", attempt.server.name, attempt.status, fault)
        raise UpstreamRefused(f"A server of this model {fault}.")

    def _delays(self) -> Iterator[float]:
        """Return the seconds before each further attempt: exponential, with full jitter."""
        longest = backoff.expo(factor=self._options.retry_delay_ms / 1000, max_value=_LONGEST_DELAY)
        next(longest)  # it begins with a None
        return map(backoff.full_jitter, longest)


def _fault(attempt: Attempt) -> str | None:
    """Return what is wrong with an answer that clients should not see as it is."""
    match attempt.status:
        case 401 | 403:
            return "refuses the key that is configured for it"
        case status if 300 <= status < 400:  # noqa: PLR2004  redirections
            return "redirects to another URL, which is not followed"
        case status if status >= 400 and not attempt.has_api_error():  # noqa: PLR2004  errors
            return f"answered with status {status}, but not with the error of an API"
        case _:
            return None
