"""Opens configured models, each with the adapter of its engine."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from backends.audio.memory import DEFAULT_BYTES, AudioMemory
from backends.ct2 import adapter as ct2
from backends.remote import adapter as remote
from backends.vllm import adapter as vllm
from backends.whisper import adapter as whisper

from . import fake
from .base import Backend, Batch
from .config import (
    Ct2ModelConfig,
    FakeModelConfig,
    ModelConfig,
    RemoteModelConfig,
    VllmModelConfig,
    WhisperModelConfig,
    is_local,
)
from .openable import NotOpenable, refuse_unopenable


class ModelNotOpened(Exception):
    """A configured model that could not be loaded; the message names it and the reason."""


OnBatch = Callable[[str, Batch], None]
"""A function that is called in an engine's thread after every batch, with the model's id."""


OnRestart = Callable[[str], None]
"""A function that is called before each try to restart an engine, with the model's id."""


def _ignore(_model: str, _batch: Batch | None = None) -> None:
    return


def adapter(
    model: ModelConfig,
    on_batch: OnBatch = _ignore,
    memory: AudioMemory | None = None,
    *,
    on_restart: OnRestart = _ignore,
) -> AbstractAsyncContextManager[Backend]:
    """Return a context manager that opens the backend of *model*.

    *memory* limits the decoded recordings of all models that share it; None: a speech model gets
    one of its own. Raises NotOpenable for faults that show before weights are loaded. An adapter
    imports its engine inside `open_backend`, so that an engine that is not configured does not have
    to be installed.
    """
    refuse_unopenable(model)
    batched, restarted = partial(on_batch, model.id), partial(on_restart, model.id)
    match model:
        case WhisperModelConfig():
            return whisper.open_backend(model, batched, restarted, memory or AudioMemory())
        case VllmModelConfig():
            return vllm.open_backend(model, restarted)
        case Ct2ModelConfig():
            return ct2.open_backend(model, batched, restarted)
        case FakeModelConfig():
            return fake.open_backend(model)
        case RemoteModelConfig():
            return remote.open_backend(model)


def check(model: ModelConfig) -> None:
    """Raise ModelNotOpened if *model* has a fault that shows before it is loaded."""
    try:
        refuse_unopenable(model)
    except NotOpenable as error:
        raise ModelNotOpened(_not_opened(model, error)) from error


class Registry:
    """Opens models, whose decoded recordings share one memory."""

    def __init__(
        self,
        on_batch: OnBatch = _ignore,
        on_restart: OnRestart = _ignore,
        *,
        decoded_bytes: int = DEFAULT_BYTES,
    ) -> None:
        """*decoded_bytes* are the most that all decoded recordings may take together."""
        memory = AudioMemory(decoded_bytes)
        self._here = partial(adapter, on_batch=on_batch, memory=memory, on_restart=on_restart)

    def context(self, model: ModelConfig) -> AbstractAsyncContextManager[Backend]:
        """Return a context manager that opens *model*; it may raise any exception."""
        return self._here(model)

    @asynccontextmanager
    async def opened(self, model: ModelConfig) -> AsyncGenerator[Backend, None]:
        """Open *model*, and close it when the block ends; raise ModelNotOpened if that fails."""
        async with AsyncExitStack() as stack:
            try:
                backend = await stack.enter_async_context(self.context(model))
            # A model's start ends here: an engine may raise any exception, and a person reads the
            # message.
            except Exception as error:
                raise ModelNotOpened(_not_opened(model, error)) from error
            yield backend


def _not_opened(model: ModelConfig, error: Exception) -> str:
    """Return the message of ModelNotOpened on one line, also if *error* has several lines."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if not (isinstance(error, NotOpenable) or is_local(model)):
        reason = f"{model.source} is not a directory here; from the model hub: {reason}"
    return f"The model {model.id!r} could not be opened: {reason}"
