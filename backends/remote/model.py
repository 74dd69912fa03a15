"""A model on other servers: its connections, its probes, its pool."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp

from backends.base import RemoteBackend
from backends.config import RemoteModelConfig, RemoteOptions

from .pool import Pool
from .probes import Probes
from .send import Sender
from .upstream import UpstreamState

_KEEP_SECONDS = 4.0
"""Seconds for which an idle connection is kept: uvicorn's servers close theirs after 5."""


class RemoteModel:
    """A RemoteBackend."""

    def __init__(self, pool: Pool, probes: Probes, sender: Sender) -> None:
        self.max_model_len: int | None = None
        self._pool = pool
        self._probes = probes
        self.send = sender.send

    async def ready(self) -> bool:
        """Return whether a server takes requests and answered when it was last looked at."""
        return any(self.upstreams().values())

    def upstreams(self) -> dict[str, bool]:
        """Return whether each server takes requests, by its URL."""
        return self._pool.states()

    async def self_test(self) -> None:
        """Read what each server says of the model; raise NoUpstream if none can be reached."""
        cards = (await self._probes.cards()).values()
        # A prompt that fits the shortest context fits all.
        lengths = [card.max_model_len for card in cards if card.max_model_len is not None]
        self.max_model_len = min(lengths, default=None)


@asynccontextmanager
async def opened(config: RemoteModelConfig) -> AsyncGenerator[RemoteBackend, None]:
    """Yield the pool of the servers in *config*, which are probed until the block ends."""
    options = config.options
    servers = [UpstreamState(upstream, config.id) for upstream in config.upstreams]
    pool = Pool(config.id, servers, affinity=options.affinity, longest_wait=options.wait_seconds)
    async with _session(options) as session:
        probes = Probes(session, pool, config.id, options)
        probing = asyncio.create_task(probes.run())
        try:
            yield RemoteModel(pool, probes, Sender(session, pool, options))
        finally:
            probing.cancel()
            await asyncio.wait([probing])


def _session(options: RemoteOptions) -> aiohttp.ClientSession:
    """Return a client that changes no bytes, and limits nothing but times."""
    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_SECONDS),
        timeout=aiohttp.ClientTimeout(
            total=options.total_seconds,
            sock_connect=options.connect_seconds,
            sock_read=options.read_seconds,
        ),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        trace_configs=[tracing],
    )


async def _note_reuse(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _parameters: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    if (reuse := context.trace_request_ctx) is not None:
        reuse.reused = True
