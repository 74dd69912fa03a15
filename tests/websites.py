"""A web server on loopback, and names that resolve to it: for what fetches URLs."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """A name server that answers each request with the next of some addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.resolved: list[str] = []

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002
    ) -> list[ResolveResult]:
        """Return one address."""
        self.resolved.append(host)
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Close nothing."""


class Site:
    """A web server on loopback, and what was requested of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.paths: list[str] = []
        self.port = 0
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as the path says."""
        self.paths.append(request.path)
        match request.path.strip("/").split("/", 1):
            case ["to", target]:
                return web.Response(status=302, headers={"location": target})
            case ["loop"]:
                return web.Response(status=302, headers={"location": request.path})
            case ["gone"]:
                return web.Response(status=404, text="/srv/secret")
            case ["stall"]:
                await self.released.wait()
        return web.Response(body=self.content, content_type="image/png")


@asynccontextmanager
async def serving_site(content: bytes) -> AsyncIterator[Site]:
    """Serve a site on loopback, with *content* at most of its paths."""
    site = Site(content)
    app = web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    yield site
    site.released.set()
    await runner.cleanup()
