"""One replica: the class that Ray Serve runs on a node. It opens one model, as one process does."""

import asyncio
import io
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

from msgspec import Struct

from backends.config import ModelConfig
from backends.failures import BackendError, EngineDead
from backends.in_thread import in_thread
from backends.registry import Registry
from backends.stamp import contents

from .engine_metrics import EngineMetrics
from .facts import Facts, facts
from .messages import Failure, batched, whole

log = logging.getLogger(__name__)

_PATIENCE = 2.0
"""How many times as long as its opening took an engine may be not ready: its own supervisor needs
about that time to start another one. Then Ray Serve replaces the replica."""

_LEAST_PATIENCE = 60.0
"""Seconds that it may be not ready anyway: what opens in no time may still take some to recover."""


class Recording(Struct, frozen=True):
    """An encoded recording, in place of the file that a backend reads."""

    content: bytes


class Replica:
    """A model in a process of its own. Its methods are called through `calls.py`.

    *application* is the name under which Ray Serve has it, *interval* the seconds between two
    messages of a stream.
    """

    async def __init__(  # type: ignore[misc]  # Ray Serve awaits it
        self, model: ModelConfig, *, application: str, decoded_bytes: int, interval: float
    ) -> None:
        """Open the model; raise ModelNotOpened, and NotIdentical if another replica differs."""
        from ray import serve

        from . import store

        logging.getLogger("backends").setLevel(logging.INFO)
        self._name = serve.get_replica_context().replica_id.unique_id
        self._model = model
        self._interval = interval
        metrics = EngineMetrics()
        registry = Registry(metrics.on_batch, metrics.on_restart, decoded_bytes=decoded_bytes)
        begin = time.monotonic()
        self._closing = asyncio.Event()
        self._opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(registry))
        await asyncio.wait([self._task, self._opened], return_when=asyncio.FIRST_COMPLETED)
        if not self._opened.done():
            await self._task  # raises ModelNotOpened
        self._backend = self._opened.result()
        # Now the files are here, also those of the model hub.
        stamp = await in_thread(partial(contents, model))
        await in_thread(partial(store.check_identical, application, stamp))
        self._facts = facts(self._backend, stamp)
        self._ready_at = time.monotonic()
        """When the engine was last seen ready, in seconds of `time.monotonic`."""
        self._patience = max(_PATIENCE * (self._ready_at - begin), _LEAST_PATIENCE)

    async def _run(self, registry: Registry) -> None:
        """Hold the model open. One task does all: some engines must be closed by their opener."""
        async with registry.opened(self._model) as backend:
            self._opened.set_result(backend)
            await self._closing.wait()

    async def __del__(self) -> None:
        """Close the model. Ray Serve awaits it once the last request has ended."""
        self._closing.set()
        await asyncio.wait([self._task])

    async def check_health(self) -> None:
        """Raise EngineDead if the engine has not been ready for too long.

        Ray Serve calls it every 10 s, and replaces the replica after three failures in a row.
        """
        if await self._backend.ready():
            self._ready_at = time.monotonic()
        elif time.monotonic() - self._ready_at > self._patience:
            raise EngineDead(f"{self._model.id}: the engine has not been ready for too long")

    async def facts(self) -> Facts:
        """Return the facts of the model here."""
        return self._facts

    async def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what the backend's *method* returns, or a Failure."""
        try:
            return await getattr(self._backend, method)(*arguments, **options)
        except BackendError as error:
            return Failure(error, self._name)

    async def whole(self, method: str, *arguments: Any) -> list[Any]:
        """Return all items of the backend's generator *method*; the last may be a Failure."""
        return await whole(self._items(method, arguments), self._name)

    async def stream(self, method: str, *arguments: Any) -> AsyncGenerator[list[Any], None]:
        """Yield the items of the backend's generator *method* in batches (`batched`)."""
        items = self._items(method, arguments)
        async with aclosing(batched(items, self._name, self._interval)) as batches:
            async for batch in batches:
                yield batch

    def _items(self, method: str, arguments: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        files = (
            io.BytesIO(given.content) if isinstance(given, Recording) else given
            for given in arguments
        )
        items: AsyncGenerator[Any, None] = getattr(self._backend, method)(*files)
        return items
