"""Looks at the servers themselves: what they serve, at the start, and whether they live, always."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from time import monotonic

import aiohttp
from msgspec import MsgspecError, Struct
from msgspec.json import decode
from yarl import URL

from backends.config import RemoteOptions
from backends.failures import BackendError, NoUpstream

from .attempt import reading
from .headers import to_upstream
from .pool import Pool
from .upstream import UpstreamState

log = logging.getLogger(__name__)

_FAILURES = (aiohttp.ClientError, OSError, TimeoutError)
"""What a request to a server that does not answer raises."""

_NO_ROUTE = (404, 405)

_SERVER_FAILURE = 500
"""The least status of a failure of the server: vLLM's `/health` has 503 when its engine is dead."""

_COMPARED = ("max_model_len", "root", "owned_by", "system_fingerprint")
"""Fields of a model's card in which servers that serve the same thing agree."""


class Card(Struct, frozen=True):
    """What a server's `/v1/models` says of one model."""

    id: str
    max_model_len: int | None = None
    root: str | None = None
    owned_by: str | None = None
    system_fingerprint: str | None = None


class _Cards(Struct, frozen=True):
    data: list[Card]


class Probes:
    """The probes of the servers of one model."""

    def __init__(
        self, session: aiohttp.ClientSession, pool: Pool, model: str, options: RemoteOptions
    ) -> None:
        self._session = session
        self._pool = pool
        self._model = model
        self._options = options
        self._timeout = aiohttp.ClientTimeout(total=options.probe_timeout_seconds)
        self._without_health: set[UpstreamState] = set()
        """Servers that have no `/health`: their list of models is read instead."""

    async def cards(self) -> dict[UpstreamState, Card]:
        """Return what the servers say of the model; warn of what differs or cannot be read.

        Raises NoUpstream if no server can be reached.
        """
        found = await asyncio.gather(*map(self._card, self._pool.servers))
        if not any(server.reachable for server in self._pool.servers):
            raise NoUpstream("None of the servers of this model can be reached.")
        cards = {
            server: card
            for server, card in zip(self._pool.servers, found, strict=True)
            if card is not None
        }
        self._warn_of_differences(cards)
        return cards

    async def run(self) -> None:
        """Probe every server again and again; never returns."""
        await asyncio.gather(*map(self._watch, self._pool.servers))

    async def _watch(self, server: UpstreamState) -> None:
        while True:
            await asyncio.sleep(self._options.probe_seconds)
            began = monotonic()
            hit = await self._answers(server)
            hits, misses = self._options.probe_hits, self._options.probe_misses
            if server.probed(hit=hit, began=began, hits=hits, misses=misses):
                if hit:
                    self._pool.returned(server)
                else:
                    self._pool.eject(server, "it does not answer probes")
            if server.hangs(misses):
                self._pool.give_up(server)

    async def _answers(self, server: UpstreamState) -> bool:
        """Return whether *server* answers a probe, with a status that is not its own failure."""
        try:
            if server not in self._without_health:
                status = await self._status(server, "/health", root=True)
                if status not in _NO_ROUTE:
                    return status < _SERVER_FAILURE
                self._without_health.add(server)
            return await self._status(server, "/models") < _SERVER_FAILURE
        except _FAILURES as error:
            log.debug("%s: the probe failed: %r", server.name, error)
            return False

    async def _status(self, server: UpstreamState, path: str, *, root: bool = False) -> int:
        async with self._get(server, path, root=root) as response:
            await response.read()
            return response.status

    async def _card(self, server: UpstreamState) -> Card | None:
        try:
            with reading(self._pool, server):
                async with self._get(server, "/models") as response:
                    body = await response.read()
            listed = decode(body, type=_Cards).data
        except (MsgspecError, UnicodeDecodeError):
            log.warning("%s: %s lists no models", self._model, server.name)
            return None
        except BackendError as error:
            log.warning("%s: %s: %s", self._model, server.name, error)
            return None
        card = next((card for card in listed if card.id == server.model), None)
        if card is None:
            names = ", ".join(card.id for card in listed) or "none"
            message = "%s: %s does not list the model %r; it lists: %s"
            log.warning(message, self._model, server.name, server.model, names)
        return card

    def _warn_of_differences(self, cards: dict[UpstreamState, Card]) -> None:
        """Log a line for each field in which the servers differ, with the value of each server."""
        for field in _COMPARED:
            values = {server.name: getattr(card, field) for server, card in cards.items()}
            if len(set(values.values())) > 1:
                shown = ", ".join(f"{name} {value!r}" for name, value in values.items())
                log.warning("%s: the servers differ in %s: %s", self._model, field, shown)

    def _get(
        self, server: UpstreamState, path: str, *, root: bool = False
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        base = server.root if root else server.url
        return self._session.get(
            URL(base + path, encoded=True),
            headers=to_upstream((), key=server.key),
            timeout=self._timeout,
            allow_redirects=False,
        )
