"""Opens a model on other servers; the HTTP client is imported only then."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from backends.base import RemoteBackend
from backends.config import RemoteModelConfig


@asynccontextmanager
async def open_backend(config: RemoteModelConfig) -> AsyncGenerator[RemoteBackend, None]:
    """Yield the pool of the servers in *config*, which are probed until the block ends."""
    from .model import opened

    async with opened(config) as model:
        yield model
