"""Clients that vanish while they are answered, over real connections: nothing of them is left."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from litestar import Litestar

from backends.base import ChatBackend
from backends.config import VllmModelConfig
from shim.app import create_app
from shim.server import bind
from shim.settings import ServerSettings, Settings
from tests.backends.vllm.answers.test_submit import all_blocks_are_free
from tests.served import models_of

CLIENTS = 256
CONFIG = VllmModelConfig(id="vllm", source="")


@asynccontextmanager
async def served(backend: ChatBackend) -> AsyncIterator[int]:
    """Serve *backend* on this loop; return the port."""
    app: Litestar = create_app(Settings(server=ServerSettings(), models=()))
    async with app.lifespan():
        app.state.models = models_of((CONFIG,), (backend,))
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        with bind("127.0.0.1", 0) as address:
            serving = asyncio.create_task(server._serve([address]))
            yield address.getsockname()[1]
            server.should_exit = True
            await serving


def request(seed: int) -> bytes:
    """Return a request that goes on for as long as the context holds."""
    body = json.dumps(
        {
            "model": "vllm",
            "messages": [{"role": "user", "content": f"Count from {seed}."}],
            "stream": seed % 4 > 0,
            "ignore_eos": True,
            "max_tokens": 1900,
            "n": 1 + seed % 2,
            "temperature": 1,
        }
    ).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    return f"{head}content-type: application/json\r\n\r\n".encode() + body


async def vanish(port: int, seed: int, all_asked: asyncio.Barrier) -> None:
    """Ask, perhaps read a little, and be gone."""
    draw = random.Random(seed)  # noqa: S311 - a load, no secret
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(seed))
    await all_asked.wait()
    # Not all are among the running, so that not all get to read.
    with suppress(TimeoutError):
        async with asyncio.timeout(draw.random()):
            for _ in range(draw.randrange(5)):
                await reader.readuntil(b"\n\n")
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_nothing_is_left(backend: ChatBackend) -> None:
    """Of 256 clients that leave at random moments no request is left, running or waiting."""
    async with served(backend) as port:
        all_asked = asyncio.Barrier(CLIENTS)
        clients = (vanish(port, seed, all_asked) for seed in range(CLIENTS))

        await asyncio.gather(*clients)

        async with asyncio.timeout(60):
            # There is no event for it.
            while backend._engine.get_num_unfinished_requests():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await all_blocks_are_free(backend)
