"""Fetches recordings at URLs, from the hosts that the settings allow, into temporary files."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import ExitStack, aclosing
from typing import BinaryIO

import aiohttp
from aiohttp.abc import AbstractResolver

from backends.addresses import Refused
from backends.fetching import Budget, Fetcher, is_allowed, pieces
from shim.errors import InvalidParameter
from shim.http.spool import Spool
from shim.serving.pipeline import together

_SECONDS = 120.0
"""Most seconds in which all recordings of a request must arrive."""

_REQUESTS = 8
"""Most requests whose recordings are fetched at once; the next ones wait."""

_PIECE = 1 << 16
"""Most bytes that are read at once."""


class Downloads:
    """Fetches recordings from allowed hosts."""

    def __init__(
        self,
        hosts: Collection[str],
        *,
        most_bytes: int,
        most_seconds: float = _SECONDS,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """*hosts* and *resolver* are Fetcher's.

        *most_bytes* and *most_seconds* are those of all recordings of a request together.
        """
        self._fetcher = Fetcher(hosts, resolver=resolver)
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._free = asyncio.Semaphore(_REQUESTS)

    async def fetched(
        self, urls: Mapping[str, str], stack: ExitStack
    ) -> dict[str, BinaryIO | InvalidParameter]:
        """Return what is at each of *urls*, place in the request → URL, or why it is not fetched.

        *stack* closes the files. Raises StorageFull if there is no room for them.
        """
        async with self._free, self._fetcher.session() as session:
            budget = Budget(self._most_bytes)
            found = await together(
                [self._file(session, url, place, budget, stack) for place, url in urls.items()]
            )
        return dict(zip(urls, found, strict=True))

    async def _file(
        self,
        session: aiohttp.ClientSession,
        url: str,
        place: str,
        budget: Budget,
        stack: ExitStack,
    ) -> BinaryIO | InvalidParameter:
        if not is_allowed(url, self._fetcher.hosts):
            return not_allowed(place, self._fetcher.hosts)
        spool = Spool()
        stack.callback(spool.close)
        try:
            async with (
                asyncio.timeout(self._most_seconds),
                self._fetcher.opened(session, url) as answer,
                aclosing(pieces(answer, budget, _PIECE)) as body,
            ):
                async for piece in body:
                    spool.add(piece)
                    await spool.write()
            await spool.finish()
        except Refused as error:
            return InvalidParameter(f"The URL was not fetched: {error}.", param=place)
        except TimeoutError:
            return InvalidParameter(
                f"The URL was not fetched within {self._most_seconds:g} s.", param=place
            )
        return spool.file


def not_allowed(place: str, hosts: Collection[str] = ()) -> InvalidParameter:
    """Return the error for a URL at *place* that is neither `data:` nor at one of *hosts*."""
    also = f", and URLs of {', '.join(sorted(hosts))}" if hosts else ""
    return InvalidParameter(f"Only `data:` URLs are accepted here{also}.", param=place)
