"""Fetches the media of conversations by `backends.fetching`, within bounds.

vLLM would fetch them itself. It checks the host's name, but not the address that the name resolves
to, and it does not limit what all media of a request take together.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing, asynccontextmanager
from typing import TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver
from msgspec.structs import replace

from backends.addresses import Refused
from backends.base import Generation
from backends.conversation import Content, Conversation, Media
from backends.failures import InvalidOption
from backends.fetching import Budget, Fetcher, is_data, pieces

from .media import check_media

_BYTES = 64 << 20
"""Most bytes of all fetched media of a request: as many as a body may have by default."""

_SECONDS = 30.0
"""Most seconds in which all media of a request must arrive."""

_REQUESTS = 8
"""Most requests whose media are fetched and read at once; the next ones wait."""

_CHUNK = 3 << 14
"""Bytes that are encoded at once: a multiple of 3, so that the pieces of base64 fit together."""

_Place: TypeAlias = tuple[int, int]
"""The numbers of a message, and of a part of its content."""

_Data: TypeAlias = dict[_Place, str]
"""`data:` URLs of places."""


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
        """*hosts* and *resolver* are Fetcher's.

        *most_bytes* and *most_seconds* are those of all media of a request together.
        """
        self._fetcher = Fetcher(hosts, resolver=resolver)
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
        check_media(prompt, self._fetcher.hosts)
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
        async with self._fetcher.session() as session:
            data = await self._all(session, places)
        messages = tuple(
            replace(turn, content=_replaced(turn.content, message, data))
            for message, turn in enumerate(conversation.messages)
        )
        return replace(conversation, messages=messages)

    async def _all(self, session: aiohttp.ClientSession, places: dict[_Place, str]) -> _Data:
        """Return the `data:` URL of each place; the first one that fails ends the others."""
        budget = Budget(self._most_bytes)
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
        self, session: aiohttp.ClientSession, url: str, budget: Budget, place: _Place
    ) -> str:
        """Return the `data:` URL of what is at *url*; raise InvalidOption if it is not fetched."""
        try:
            async with self._fetcher.opened(session, url) as answer:
                return await _encoded(answer, budget)
        except Refused as error:
            reason = str(error)
        message, part = place
        raise InvalidOption(
            f"The URL was not fetched: {reason}.", option=f"messages[{message}].content[{part}]"
        )


async def _encoded(answer: aiohttp.ClientResponse, budget: Budget) -> str:
    """Return the body of *answer* as a `data:` URL, encoded as it arrives."""
    encoded, rest = [], b""
    async with aclosing(pieces(answer, budget, _CHUNK)) as body:
        async for piece in body:
            rest += piece
            whole = len(rest) - len(rest) % 3
            encoded.append(b64encode(rest[:whole]).decode())
            rest = rest[whole:]
    return f"data:{answer.content_type};base64,{''.join(encoded)}{b64encode(rest).decode()}"


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
