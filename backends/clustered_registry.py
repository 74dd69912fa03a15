"""Opens configured models in a cluster, if one is configured, else in this process."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from backends.audio.memory import DEFAULT_BYTES
from backends.ray.adapter import Cluster, connect

from .base import Backend
from .cluster_config import ClusterConfig
from .config import ModelConfig, RemoteModelConfig
from .registry import ModelNotOpened, OnBatch, OnRestart, Registry


class ClusteredRegistry(Registry):
    """Opens all models in the cluster of *config* but those on other servers.

    Its replicas open them by a Registry of their own.
    """

    def __init__(
        self,
        config: ClusterConfig | None,
        on_batch: OnBatch,
        on_restart: OnRestart,
        *,
        decoded_bytes: int = DEFAULT_BYTES,
    ) -> None:
        """*decoded_bytes*: of all models here together, and of each replica; see Registry."""
        super().__init__(on_batch, on_restart, decoded_bytes=decoded_bytes)
        self._config = config
        self._decoded_bytes = decoded_bytes
        self._cluster: Cluster | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[None, None]:
        """Be connected to the cluster during the block, if one is configured.

        Raises ModelNotOpened if that fails.
        """
        if self._config is None:
            yield
            return
        async with AsyncExitStack() as stack:
            try:
                connection = connect(self._config, decoded_bytes=self._decoded_bytes)
                self._cluster = await stack.enter_async_context(connection)
            # Ray raises several exceptions of its own and of Python's; a person reads the message.
            except Exception as error:
                raise ModelNotOpened(f"There is no cluster to open models in: {error}") from error
            yield

    def context(self, model: ModelConfig) -> AbstractAsyncContextManager[Backend]:
        """Return a context manager that opens *model*; it may raise any exception."""
        if self._cluster is None or isinstance(model, RemoteModelConfig):
            return super().context(model)
        return self._cluster.opened(model)
