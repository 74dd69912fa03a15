"""The same server with its fake engine in a plain deployment of Ray Serve, called by its defaults.

`python -m tools.bench.cluster.plain --config FILE --port PORT`, with the cluster's address in
`RAY_ADDRESS`. All but the way to the engine is
Shim's: an item crosses as soon as it is there, by reference, as in the guides of Ray Serve. Only
the limit of five requests for a replica is lifted.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from backends import fake
from backends.base import Generated, Generation
from backends.config import FakeModelConfig, FakeOptions
from shim.cli import main

MOST = 1000
"""Requests of a replica at the same time."""


class Plain:
    """The deployment: a fake engine."""

    def __init__(self, options: FakeOptions) -> None:
        self._chat = fake.FakeChat(options)

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Yield the answer to *generation*."""
        async for item in self._chat.generate(generation):
            yield item


class Called(fake.FakeChat):
    """The engine of the server: it calls the deployment."""

    def __init__(self, options: FakeOptions, handle: Any) -> None:
        super().__init__(options)
        self._handle = handle.options(stream=True)

    async def generate(self, generation: Generation) -> AsyncGenerator[Generated, None]:
        """Yield the answer to *generation*."""
        response = self._handle.generate.remote(generation)
        try:
            async for item in response:
                yield item
        finally:
            response.cancel()


@asynccontextmanager
async def deployed(config: FakeModelConfig) -> AsyncGenerator[fake.FakeChat, None]:
    """Deploy the engine of *config*, and yield what calls it."""
    from ray import serve  # noqa: PLC0415  reads variables

    deployment = serve.deployment(max_ongoing_requests=MOST)(Plain)
    application = deployment.bind(config.options)
    name = f"plain-{config.id}"
    handle = await asyncio.to_thread(serve.run, application, name=name, route_prefix=None)
    yield Called(config.options, handle)
    await asyncio.to_thread(serve.delete, name)


if __name__ == "__main__":
    import ray
    from ray import serve

    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level="ERROR")
    serve.start(proxy_location="Disabled")
    fake.open_backend = deployed
    main(["serve", *sys.argv[1:]])
