"""The way into this package without Ray: it is imported when a cluster is configured."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol

from backends.base import Backend
from backends.cluster_config import ClusterConfig
from backends.config import ModelConfig
from backends.in_thread import in_thread

from .environment import prepare


class Cluster(Protocol):
    """A cluster in which models can be opened."""

    def opened(self, model: ModelConfig) -> AbstractAsyncContextManager[Backend]:
        """Return a context manager that opens *model*; it raises NotOpenable."""
        ...


@asynccontextmanager
async def connect(config: ClusterConfig, *, decoded_bytes: int) -> AsyncGenerator[Cluster, None]:
    """Connect to the cluster of *config* for the block, and yield it.

    Each replica may hold *decoded_bytes* of decoded recordings. Raises RayMissing if Ray is not
    installed, ConnectionError if the cluster cannot be reached.
    """
    address = await in_thread(partial(prepare, config.address))
    from .cluster import connected

    async with connected(address, config, decoded_bytes=decoded_bytes) as cluster:
        yield cluster
