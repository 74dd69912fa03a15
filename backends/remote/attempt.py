"""One request at one server: its place there, its connection, and the bytes of its answer."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import monotonic

import aiohttp
import msgspec
from msgspec import UNSET, UnsetType

from backends.base import RemoteRequest
from backends.failures import NoUpstream, UpstreamLost, UpstreamTimeout

from .events import EventSplitter
from .headers import seconds_of
from .outgoing import body_of, headers_of, url_of
from .pool import Pool
from .upstream import UpstreamState

WHOLE_BYTES = 4 << 20
"""Most bytes of an answer that is read to its end before its head is sent on: until then another
server can still give it. A chat's answer has kilobytes, an embedding of 100 texts a megabyte."""

_OVERLOADED = (429, 503)

_PAUSE = 1.0
"""Seconds without requests for an overloaded server that states none."""

_EVENTS = "text/event-stream"


_FAILED = re.compile(rb'^data: ?\{\s*"(error"|type":\s*"error")', re.MULTILINE)
"""An event by which a server ends a stream that it cannot go on with, in any route's form."""

_DISCONNECTED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)
"""What a request raises whose connection ends before the first byte of its answer."""


class _ApiError(msgspec.Struct):
    error: msgspec.Raw | UnsetType = UNSET
    detail: msgspec.Raw | UnsetType = UNSET
    object: str | None = None


class Attempt:
    """A request that a server has begun to answer. `close` gives its place and connection back."""

    def __init__(self, pool: Pool, server: UpstreamState, response: aiohttp.ClientResponse) -> None:
        self.server = server
        self.status = response.status
        self.headers = response.raw_headers
        # A compressed stream, which nobody asked for, cannot be split into events.
        self.has_events = (
            response.content_type == _EVENTS and "content-encoding" not in response.headers
        )
        self.beginning = b""
        """The first bytes of the answer, once `begin` has read them."""
        self.is_whole = False
        """Whether `beginning` is the whole answer."""
        self._pool = pool
        self._response = response
        self._splitter = EventSplitter()
        server.ends.add(response.close)

    async def begin(self, *, whole: bool) -> None:
        """Read all of the answer, but not over `WHOLE_BYTES`; of a stream only if *whole* is set.

        Else the first events are read. Raises what `reading` does, and UpstreamLost for a whole
        stream in which its server says that it failed.
        """
        most = WHOLE_BYTES if whole or not self.has_events else 0
        pieces: list[bytes] = []
        size = 0
        with reading(self._pool, self.server):
            while piece := await self.more():
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    break
            else:
                self.is_whole = True
        self.beginning = b"".join(pieces)
        if whole and self.has_events and _FAILED.search(self.beginning):
            self._pool.failed(self.server, "its stream ended with an error")
            raise UpstreamLost("A server of this model failed in its answer.")
        if self.status < 500:  # noqa: PLR2004  a server's failure
            self.server.succeeded()

    async def more(self) -> bytes:
        """Return the next bytes after `beginning`, in whole events; empty at the end.

        To be called within `reading`.
        """
        content = self._response.content
        while chunk := await content.readany():
            self.server.heard = monotonic()
            if not self.has_events:
                return chunk
            if events := self._splitter.feed(chunk):
                return events
        # The last event of a stream that ends as it should may lack its blank line.
        rest, self._splitter.rest = self._splitter.rest, b""
        return rest

    def retry_after(self) -> float | None:
        """Return for how many seconds the server wants no more requests; None if it does not."""
        if self.status not in _OVERLOADED:
            return None
        stated = seconds_of(self._response.headers)
        return _PAUSE if stated is None and self.has_api_error() else stated

    def has_api_error(self) -> bool:
        """Return whether the answer is an error of OpenAI's form, of an older vLLM's or FastAPI's.

        A proxy's error is mostly HTML.
        """
        try:
            error = msgspec.json.decode(self.beginning, type=_ApiError)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        return error.error is not UNSET or error.detail is not UNSET or error.object == "error"

    def close(self) -> None:
        """Give the place back, and close the connection unless the answer was read to its end."""
        self.server.ends.discard(self._response.close)
        self._response.close()
        self._pool.release(self.server)


@dataclass
class Reuse:
    """Whether a request went over a connection that had been used before."""

    reused: bool = False


class StaleConnection(Exception):
    """A kept connection that the server closed as the request was being sent: nobody's fault."""


async def attempted(
    session: aiohttp.ClientSession,
    pool: Pool,
    server: UpstreamState,
    request: RemoteRequest,
    reuse: Reuse | None,
    *,
    whole_streams: bool,
) -> Attempt:
    """Send *request* to *server*, in a place that is already taken; return its begun answer.

    Raises what `reading` does; StaleConnection only with *reuse*. The place is then still taken.
    """
    with reading(pool, server, reuse):
        async with _until_given_up(server):
            response = await session.request(
                request.method,
                url_of(server, request),
                data=body_of(server, request.body),
                headers=headers_of(server, request),
                allow_redirects=False,
                trace_request_ctx=reuse,
            )
    attempt = Attempt(pool, server, response)
    try:
        await attempt.begin(whole=whole_streams)
    except BaseException:
        server.ends.discard(response.close)
        response.close()
        raise
    return attempt


@asynccontextmanager
async def _until_given_up(server: UpstreamState) -> AsyncGenerator[None, None]:
    """Raise TimeoutError in the block as soon as the requests of *server* are given up."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as bound:

        def end() -> None:
            bound.reschedule(loop.time())

        server.ends.add(end)
        try:
            yield
        finally:
            server.ends.discard(end)


@contextmanager
def reading(pool: Pool, server: UpstreamState, reuse: Reuse | None = None) -> Iterator[None]:
    """Turn the exceptions of aiohttp into failures of the seam, and count them against *server*.

    There are four cases: NoUpstream if no connection could be made; UpstreamTimeout;
    StaleConnection if a reused connection ended before the first byte; UpstreamLost for all else.
    """
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        pool.failed(server, str(error), unreachable=True)
        raise NoUpstream("A server of this model cannot be reached.") from error
    except TimeoutError as error:
        pool.failed(server, "it did not answer in time")
        raise UpstreamTimeout("A server of this model did not answer in time.") from error
    except (aiohttp.ClientError, ConnectionError) as error:
        if reuse is not None and reuse.reused and isinstance(error, _DISCONNECTED):
            raise StaleConnection from error
        pool.failed(server, f"it broke its answer off: {error!r}")
        raise UpstreamLost("A server of this model broke its answer off.") from error
