"""A bare pass-through: aiohttp's server over aiohttp's client, and nothing else."""

import argparse
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web

SESSION = web.AppKey("session", aiohttp.ClientSession)


async def passed_on(request: web.Request) -> web.StreamResponse:
    """Send the body on, and the answer back as it arrives."""
    upstream: str = request.app[UPSTREAM]
    async with request.app[SESSION].post(
        upstream + request.path,
        data=await request.read(),
        headers={"content-type": "application/json", "accept-encoding": "identity"},
    ) as theirs:
        headers = {"content-type": theirs.headers["content-type"]}
        if "content-length" in theirs.headers:
            body = await theirs.read()
            return web.Response(body=body, status=theirs.status, headers=headers)
        ours = web.StreamResponse(status=theirs.status, headers=headers)
        await ours.prepare(request)
        async for piece in theirs.content.iter_any():
            await ours.write(piece)
        await ours.write_eof()
        return ours


UPSTREAM = web.AppKey("upstream", str)


async def opened(app: web.Application) -> AsyncIterator[None]:
    """Keep one client for all requests."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=4)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        app[SESSION] = session
        yield


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    app = web.Application(client_max_size=1 << 26)
    app[UPSTREAM] = arguments.upstream
    app.router.add_post("/v1/chat/completions", passed_on)
    app.cleanup_ctx.append(opened)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=arguments.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
