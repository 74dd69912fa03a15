"""Fetches what is at a URL: from allowed hosts only, at public addresses, within bounds."""

from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from .addresses import CheckedResolver, Refused

_SCHEMES = frozenset({"http", "https"})

_CONNECTIONS = 8
"""Most connections of one session."""

_REDIRECTS = 3
"""Most redirects that are followed for one URL."""

_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_OK = 200


def is_data(url: str) -> bool:
    """Return whether *url* contains its content."""
    return url[:5].lower() == "data:"


def is_allowed(url: str, hosts: Collection[str]) -> bool:
    """Return whether *url* is one of http or https, at one of *hosts*."""
    # Some readers of URLs end the host at a backslash and others do not.
    if "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and parts.hostname in hosts


class Fetcher:
    """Opens URLs at allowed hosts."""

    def __init__(self, hosts: Collection[str], *, resolver: AbstractResolver | None = None) -> None:
        """*hosts* are names and addresses. A name may resolve to public addresses, and to *hosts*.

        Without a *resolver* names are resolved as by the system.
        """
        self.hosts = frozenset(map(str.lower, hosts))
        self._resolver = resolver

    def session(self) -> aiohttp.ClientSession:
        """Return a new session for `opened`, without cookies; the caller closes it."""
        resolver = CheckedResolver(self._resolver or ThreadedResolver(), self.hosts)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, limit=_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"accept-encoding": "identity"},
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    @asynccontextmanager
    async def opened(
        self, session: aiohttp.ClientSession, url: str
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """Yield the answer to a GET of *url*, whose body `pieces` reads.

        Raises Refused if the URL or a redirect is not allowed, and if the host cannot be reached
        or does not answer with 200.
        """
        async with AsyncExitStack() as stack:
            with _reaching():
                answer = await stack.enter_async_context(self._answer(session, URL(url)))
            yield answer

    @asynccontextmanager
    async def _answer(
        self, session: aiohttp.ClientSession, url: URL
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        for _ in range(_REDIRECTS + 1):
            # The client parses a URL otherwise than `is_allowed`, and a redirect is a new one.
            if url.scheme not in _SCHEMES or url.host not in self.hosts:
                raise Refused("it leads to a host that is not allowed")
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status in _REDIRECTING:
                    url = url.join(URL(answer.headers.get("location", "")))
                    continue
                if answer.status != _OK:
                    raise Refused(f"its host answered with status {answer.status}")
                yield answer
                return
        raise Refused(f"it was redirected more than {_REDIRECTS} times")


class Budget:
    """The bytes that all that one request fetches may still take."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def take(self, size: int) -> None:
        """Take *size* bytes; raise Refused if they are more than are left."""
        self._taken += size
        if self._taken > self._most:
            raise Refused(f"all URLs of a request may have {self._most} bytes together")


async def pieces(
    answer: aiohttp.ClientResponse, budget: Budget, size: int
) -> AsyncGenerator[bytes, None]:
    """Yield the body of *answer* in pieces of at most *size* bytes, as they arrive.

    Raises Refused if the host does not send all of it, or if it exceeds the *budget*.
    """
    with _reaching():
        async for piece in answer.content.iter_chunked(size):
            budget.take(len(piece))
            yield piece


@contextmanager
def _reaching() -> Iterator[None]:
    """Raise Refused in place of a network's errors."""
    try:
        yield
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Not the error's text, which may have an address of this network.
        raise Refused("its host could not be reached, or did not answer") from error
