"""The way into this package without Ray: it is imported when a cluster is configured."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from backends.base import Backend
from backends.cluster_config import ClusterConfig
from backends.config import ModelConfig

from .environment import import_ray


class Cluster(Protocol):
    """A cluster in which models can be opened."""

    def opened(self, model: ModelConfig) -> AbstractAsyncContextManager[Backend]:
        """Return a context manager that opens *model*; it raises NotOpenable."""
        ...


def connect(config: ClusterConfig, *, decoded_bytes: int) -> AbstractAsyncContextManager[Cluster]:
    """Return a context manager that connects to the cluster of *config*.

    Each replica may hold *decoded_bytes* of decoded recordings. Raises RayMissing if Ray is not
    installed.
    """
    import_ray(loopback=config.address == "local")
    from .cluster import connected

    return connected(config, decoded_bytes=decoded_bytes)
