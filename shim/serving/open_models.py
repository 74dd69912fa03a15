"""Keeps the configured models open: opens, tests and closes them as the configuration changes."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from backends.base import Backend, ReplicatedBackend
from backends.cluster_config import ClusterConfig
from backends.clustered_registry import ClusteredRegistry
from backends.config import ModelConfig
from backends.stamp import stamp

from .metrics import Metrics
from .models import Models
from .replicas import followed
from .self_test import passed, self_tested
from .served_model import ServedModel

log = logging.getLogger(__name__)


class OpenModels:
    """All open models of a process, those that only older requests still use included."""

    def __init__(
        self, metrics: Metrics, *, decoded_bytes: int, cluster: ClusterConfig | None = None
    ) -> None:
        """*decoded_bytes* are the most that the decoded recordings of all models may take.

        With a *cluster*, models are opened there, and the bytes are those of each replica.
        """
        self._metrics = metrics
        self._registry = ClusteredRegistry(
            cluster,
            metrics.engines.on_batch,
            metrics.engines.on_restart,
            decoded_bytes=decoded_bytes,
        )
        self._open: list[_OpenModel] = []
        self.present = Models(())
        """The models that new requests use; none before `running`."""

    @asynccontextmanager
    async def running(self, configs: Sequence[ModelConfig]) -> AsyncGenerator[Models, None]:
        """Open and test the models of *configs*; close all open models when the block ends.

        Raises ModelNotOpened for the first model that cannot be opened, and if none passes its
        self-test. One that fails among others is tested again every 30 seconds.
        """
        async with self._registry.connected():
            try:
                for config in configs:
                    await self._add(config)
                tests = [model.served.self_test for model in self._open]
                count = self._metrics.engines.count_batches
                async with self_tested(tests, on_pass=count), followed(self._all):
                    models = self._models(configs)
                    self.use(models)
                    yield models
            finally:
                for model in reversed(self._open):
                    await model.close()

    async def changed(self, configs: Sequence[ModelConfig]) -> Models:
        """Return the models of *configs*: the open ones where the engine is the same, and new ones.

        Raises ModelNotOpened if a new one cannot be opened or fails its self-test; the new ones are
        closed then, and the others are not affected. The result is not used before `use`.
        """
        before = list(self._open)
        try:
            for config in configs:
                if not self._is_open(config):
                    await self._add(config)
            tests = [model.served.self_test for model in self._open if model not in before]
            await passed(tests, on_pass=self._metrics.engines.count_batches)
        except BaseException:
            for model in [model for model in self._open if model not in before]:
                await self._close(model)
            raise
        return self._models(configs)

    def use(self, models: Models) -> None:
        """Let the queues of *models* have their configured lengths, and measure them."""
        self.present = models
        for served in models.served:
            if served.parent is None:  # an adapter shares its model's queue
                served.admission.max_waiting = served.max_waiting
                self._metrics.watch_queue(served.id, served.admission)

    async def close_others(self, kept: Sequence[Models]) -> list[str]:
        """Close every model that is not among *kept*; return their ids.

        None of them may have a request.
        """
        backends = [served.backend for models in kept for served in models.served]
        unused = [
            model
            for model in self._open
            if not any(model.served.backend is backend for backend in backends)
        ]
        ids = {served.id for models in kept for served in models.served}
        for model in reversed(unused):
            log.warning("%s: closed, as the configuration does not have it", model.served.id)
            await self._close(model)
            if model.served.id not in ids:  # else another engine has its name now
                self._metrics.models.forget_queue(model.served.id)
        return [model.served.id for model in unused]

    def drain(self) -> None:
        """Drain the queues of all models (`Admission.drain`)."""
        for model in self._open:
            model.served.admission.drain()

    def stop(self) -> None:
        """Stop the queues of all models (`Admission.stop`)."""
        for model in self._open:
            model.served.admission.stop()

    async def _add(self, config: ModelConfig) -> "_OpenModel":
        model = _OpenModel(self._registry, config)
        # Before the weights are read: files that change later are not those of the answers. What
        # is downloaded is known only after that.
        stamped = stamp(config)
        backend = await model.opened()
        model.served = ServedModel(config, backend, self._metrics.requests)
        if isinstance(backend, ReplicatedBackend):
            model.served.stamp = backend.stamp  # of the nodes' files
        else:
            model.served.stamp = stamped or stamp(config)
        self._open.append(model)
        return model

    def _all(self) -> list[ServedModel[Backend]]:
        return [model.served for model in self._open]

    async def _close(self, model: "_OpenModel") -> None:
        await model.close()
        self._open.remove(model)

    def _is_open(self, config: ModelConfig) -> bool:
        return any(model.engine == _engine(config) for model in self._open)

    def _models(self, configs: Sequence[ModelConfig]) -> Models:
        return Models(self._served(config).configured(config) for config in configs)

    def _served(self, config: ModelConfig) -> ServedModel[Backend]:
        engine = _engine(config)
        return next(model.served for model in self._open if model.engine == engine)


class _OpenModel:
    """One open model. A task of its own opens it and closes it.

    Some engines must be closed by the task that opened them, and reloads come from other tasks.
    """

    served: ServedModel[Backend]

    def __init__(self, registry: ClusteredRegistry, config: ModelConfig) -> None:
        self.engine = _engine(config)
        self._closing = asyncio.Event()
        self._opened: asyncio.Future[Backend] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(registry, config))

    async def opened(self) -> Backend:
        """Return the backend once it is open; raise ModelNotOpened if it cannot be opened."""
        first: set[asyncio.Future[Any]] = {self._task, self._opened}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait([self._task])
            raise
        if not self._opened.done():
            await self._task
        return self._opened.result()

    async def close(self) -> None:
        """Close the backend."""
        self.served.self_test.ended = True
        self._closing.set()
        await self._task

    async def _run(self, registry: ClusteredRegistry, config: ModelConfig) -> None:
        async with registry.opened(config) as backend:
            self._opened.set_result(backend)
            await self._closing.wait()


def _engine(config: ModelConfig) -> ModelConfig:
    """Return *config* without what may change while its engine runs: aliases, `max_waiting`."""
    return replace(config, aliases=(), max_waiting=0)
