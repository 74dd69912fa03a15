"""What faster-whisper's backend and CTranslate2's share: a model in threads, which can be replaced.

A dead engine is closed, and its model unloaded; `Supervisor` then has another one made. Each engine
has threads and a CTranslate2 object of its own, so nothing of a dead one is used again. Requests of
a dead engine end with EngineDead.

What no replacement repairs: an error that spoils the CUDA context of the whole process, as an
illegal address does. Then the restarts fail, and the log says that the server has to be restarted.
"""

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from backends.batching import Batcher
from backends.supervisor import Supervisor

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that the running calls of a dead engine get to end: its model cannot be unloaded, nor its
memory be used by the next one, before."""

_FAILED = re.compile(r"\b(?:CUDA|cuBLAS|cuDNN|NCCL|MPI) failed with (?:error|status) ")
"""How the errors of a device begin. These are the texts of the macros CUDA_CHECK, CUBLAS_CHECK,
CUDNN_CHECK, NCCL_CHECK and MPI_CHECK in CTranslate2's `src/cuda/utils.h` (4.8)."""

_ONE_CALL = re.compile(
    r"out of memory|_ALLOC_FAILED|invalid argument|invalid configuration argument"
    r"|_INVALID_VALUE|_BAD_PARAM|_NOT_SUPPORTED"
)
"""Errors of a device that concern one call: it is too large, or its shapes do not fit a kernel. The
names follow CUBLAS_STATUS and CUDNN_STATUS, the words are those of `cudaGetErrorString`."""


def device_lost(error: Exception) -> bool:
    """Return whether *error*, raised by CTranslate2, means that its device answers no more.

    Nothing depends on these texts but time: after an unknown error the calls of a batch run alone,
    and a self-test finds that the engine is dead.
    """
    text = str(error)
    return (
        isinstance(error, RuntimeError)
        and _FAILED.search(text) is not None
        and _ONE_CALL.search(text) is None
    )


class Model(Protocol):
    """The part of a CTranslate2 model that is used here."""

    def unload_model(self) -> None:
        """Free the memory of the weights; do nothing while a call runs."""
        ...


class ThreadedEngine:
    """A loaded CTranslate2 model with a batcher in front."""

    def __init__(self, model: Model, batcher: Batcher) -> None:
        self._model = model
        self.batcher = batcher

    def start(self) -> None:
        """Answer calls from now on."""
        self.batcher.start()

    def close(self, *, patience: float | None = None) -> None:
        """Take no more calls, end those that run within *patience* seconds, and unload the model.

        None: however long they run. Blocks.
        """
        self.batcher.close(patience=patience)
        # Requests may refer to the model a little longer, but the next one needs the memory now.
        self._model.unload_model()


E = TypeVar("E", bound=ThreadedEngine)


class ThreadedBackend(ABC, Generic[E]):
    """A backend over a ThreadedEngine: a `Restartable` for the Supervisor."""

    def __init__(self, engine: E, *, max_stall_seconds: float) -> None:
        """Send requests to *engine*: dead after *max_stall_seconds* without progress."""
        self._max_stall_seconds = max_stall_seconds
        self._engine = engine

    @asynccontextmanager
    async def supervised(
        self,
        another: Callable[[], Awaitable[E]],
        *,
        name: str,
        max_restarts: int,
        on_restart: Callable[[], None],
    ) -> AsyncGenerator[None, None]:
        """Start the engine, and end it when the block ends.

        One that dies meanwhile is replaced by *another*, as `Supervisor` describes it.
        """
        supervisor = Supervisor(
            self,
            another,
            name=name,
            max_restarts=max_restarts,
            on_restart=on_restart,
            patience=_PATIENCE,
        )
        self._engine.start()
        try:
            async with supervisor.watching():
                yield
        finally:
            self.close()

    def use_engine(self, engine: E) -> None:
        """Start *engine*, and send all requests to it from now on."""
        engine.start()
        self._engine = engine

    @abstractmethod
    async def self_test(self) -> None:
        """Answer one small request of the backend's own; raise its error if it fails."""

    async def ready(self) -> bool:
        """Return whether the engine runs, and its last batch was not one that failed as a whole."""
        batcher = self._engine.batcher
        return not batcher.closed and not batcher.failing

    async def alive(self) -> bool:
        """Return whether the engine runs; after a failed batch, whether it passes the self-test."""
        batcher = self._engine.batcher
        batcher.give_up_if_stalled(self._max_stall_seconds)
        if batcher.closed:
            return False
        return not batcher.failing or await self._passes_self_test()

    def close(self, *, patience: float | None = None) -> None:
        """End the engine: see `ThreadedEngine.close`."""
        self._engine.close(patience=patience)

    async def _passes_self_test(self) -> bool:
        try:
            await self.self_test()
        # Every failure means the same here, and is logged: the engine cannot answer.
        except Exception as error:  # noqa: BLE001
            log.warning("the self-test after a failed call failed: %s", error)
            return False
        return True
