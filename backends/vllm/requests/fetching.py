"""Fetches the media of conversations: from allowed hosts, at public addresses, within bounds.

vLLM would fetch them itself. It checks the host's name, but not the address that the name resolves
to, and it does not limit what all media of a request take together.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from typing import TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from msgspec.structs import replace
from yarl import URL

from backends.base import Generation
from backends.conversation import Content, Conversation, Media
from backends.failures import InvalidOption

from .addresses import CheckedResolver, Refused
from .media import ALLOWED_SCHEMES, check_media, is_data

_BYTES = 64 << 20
"""Most bytes of all fetched media of a request: as many as a body may have by default."""

_SECONDS = 30.0
"""Most seconds in which all media of a request must arrive."""

_REQUESTS = 8
"""Most requests whose media are fetched and read at once; the next ones wait."""

_CONNECTIONS = 8
"""Most connections for the media of one request."""

_REDIRECTS = 3
"""Most redirects that are followed for one URL."""

_CHUNK = 3 << 14
"""Bytes that are encoded at once: a multiple of 3, so that the pieces of base64 fit together."""

_Place: TypeAlias = tuple[int, int]
"""The numbers of a message, and of a part of its content."""

_Data: TypeAlias = dict[_Place, str]
"""`data:` URLs of places."""

_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_OK = 200


class MediaFetcher:
    """Fetches media from allowed hosts."""

    def __init__(
        self,
        hosts: Collection[str],
        *,
        resolver: AbstractResolver | None = None,
        most_bytes: int = _BYTES,
        most_seconds: float = _SECONDS,
    ) -> None:
        """*hosts* are names and addresses. A name may resolve to public addresses, and to *hosts*.

        None: names are resolved as by the system. *most_bytes* and *most_seconds* are those of all
        media of a request together.
        """
        self._hosts = frozenset(map(str.lower, hosts))
        self._resolver = resolver
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._free = asyncio.Semaphore(_REQUESTS)

    @asynccontextmanager
    async def fetched(self, generation: Generation) -> AsyncGenerator[Generation, None]:
        """Yield *generation* with a `data:` URL for each other URL of its conversation.

        A place among those that fetch is held until the block ends. Raises InvalidOption for a URL
        that is not allowed, and for one that cannot be fetched.
        """
        prompt = generation.prompt
        if not isinstance(prompt, Conversation):
            yield generation
            return
        check_media(prompt, self._hosts)
        if not any(_urls(message.content) for message in prompt.messages):
            yield generation
            return
        async with self._free:
            yield replace(generation, prompt=await self._with_data(prompt))

    async def _with_data(self, conversation: Conversation) -> Conversation:
        places = {
            (message, part): url
            for message, turn in enumerate(conversation.messages)
            for part, url in _urls(turn.content)
        }
        async with self._session() as session:
            data = await self._all(session, places)
        messages = tuple(
            replace(turn, content=_replaced(turn.content, message, data))
            for message, turn in enumerate(conversation.messages)
        )
        return replace(conversation, messages=messages)

    def _session(self) -> aiohttp.ClientSession:
        resolver = CheckedResolver(self._resolver or ThreadedResolver(), self._hosts)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, limit=_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"accept-encoding": "identity"},
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def _all(self, session: aiohttp.ClientSession, places: dict[_Place, str]) -> _Data:
        """Return the `data:` URL of each place; the first one that fails ends the others."""
        budget = _Budget(self._most_bytes)
        tasks = [
            asyncio.create_task(self._data_url(session, url, budget, place))
            for place, url in places.items()
        ]
        try:
            async with asyncio.timeout(self._most_seconds):
                return dict(zip(places, await asyncio.gather(*tasks), strict=True))
        except TimeoutError as error:
            raise InvalidOption(
                f"The URLs were not fetched within {self._most_seconds:g} s.", option="messages"
            ) from error
        finally:
            for task in tasks:
                task.cancel()

    async def _data_url(
        self, session: aiohttp.ClientSession, url: str, budget: "_Budget", place: _Place
    ) -> str:
        """Return the `data:` URL of what is at *url*; raise InvalidOption if it is not fetched."""
        try:
            return await self._fetch(session, URL(url), budget)
        except Refused as error:
            reason = str(error)
        except (aiohttp.ClientError, OSError, ValueError):
            # Not the error's text, which may have an address of this network.
            reason = "its host could not be reached, or did not answer"
        message, part = place
        raise InvalidOption(
            f"The URL was not fetched: {reason}.", option=f"messages[{message}].content[{part}]"
        )

    async def _fetch(self, session: aiohttp.ClientSession, url: URL, budget: "_Budget") -> str:
        for _ in range(_REDIRECTS + 1):
            # The client parses a URL otherwise than `check_media`, and a redirect is a new one.
            if url.scheme not in ALLOWED_SCHEMES or url.host not in self._hosts:
                raise Refused("it leads to a host that is not allowed")
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status in _REDIRECTING:
                    url = url.join(URL(answer.headers.get("location", "")))
                    continue
                if answer.status != _OK:
                    raise Refused(f"its host answered with status {answer.status}")
                return await _encoded(answer, budget)
        raise Refused(f"it was redirected more than {_REDIRECTS} times")


class _Budget:
    """The bytes that the media of one request may still take."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def take(self, size: int) -> None:
        self._taken += size
        if self._taken > self._most:
            raise Refused(f"all media of a request may have {self._most} bytes")


async def _encoded(answer: aiohttp.ClientResponse, budget: _Budget) -> str:
    """Return the body of *answer* as a `data:` URL, encoded as it arrives."""
    pieces, rest = [], b""
    async for chunk in answer.content.iter_chunked(_CHUNK):
        budget.take(len(chunk))
        rest += chunk
        whole = len(rest) - len(rest) % 3
        pieces.append(b64encode(rest[:whole]).decode())
        rest = rest[whole:]
    return f"data:{answer.content_type};base64,{''.join(pieces)}{b64encode(rest).decode()}"


def _urls(content: Content) -> list[tuple[int, str]]:
    """Return the URLs of *content* that have to be fetched, each with the number of its part."""
    if isinstance(content, str):
        return []
    return [
        (number, part.url)
        for number, part in enumerate(content)
        if isinstance(part, Media) and not is_data(part.url)
    ]


def _replaced(content: Content, message: int, data: _Data) -> Content:
    """Return *content*, of the message with that number, with the URLs of *data*."""
    if isinstance(content, str):
        return content
    return tuple(
        replace(part, url=data.get((message, number), part.url))
        if isinstance(part, Media)
        else part
        for number, part in enumerate(content)
    )
