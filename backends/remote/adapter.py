"""Opens a model on other servers."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from backends.base import RemoteBackend
from backends.config import RemoteModelConfig


@asynccontextmanager
async def open_backend(config: RemoteModelConfig) -> AsyncGenerator[RemoteBackend, None]:
    """Yield the pool of the servers in *config*."""
    raise NotImplementedError(config.id)
    yield
