"""Which adapter opens which configured model; all opened together, closed in reverse."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

from backends.audio.memory import DEFAULT_BYTES, AudioMemory
from backends.ct2 import adapter as ct2
from backends.vllm import adapter as vllm
from backends.whisper import adapter as whisper

from . import fake
from .base import Backend, Batch
from .config import (
    Ct2ModelConfig,
    FakeModelConfig,
    ModelConfig,
    VllmModelConfig,
    WhisperModelConfig,
    is_local,
)
from .openable import NotOpenable, refuse_unopenable


class ModelNotOpened(Exception):
    """A configured model could not be loaded; the message says which, and why."""


OnBatch = Callable[[str, Batch], None]
"""Is told, in an engine's thread, of every batch: the model's id, and what was done."""


def _untold(_model: str, _batch: Batch) -> None:
    return


def adapter(
    model: ModelConfig, on_batch: OnBatch = _untold, memory: AudioMemory | None = None
) -> AbstractAsyncContextManager[Backend]:
    """Return *model*'s backend, not yet opened; its recordings share *memory*, None: their own.

    Every adapter imports its engine inside `open_backend`: an engine that is not configured need
    not be installed. Raises NotOpenable for faults that show before an engine is imported.
    """
    refuse_unopenable(model)
    match model:
        case WhisperModelConfig():
            return whisper.open_backend(model, partial(on_batch, model.id), memory or AudioMemory())
        case VllmModelConfig():
            return vllm.open_backend(model)
        case Ct2ModelConfig():
            return ct2.open_backend(model)
        case FakeModelConfig():
            return fake.open_backend(model)


def check(model: ModelConfig) -> None:
    """Raise ModelNotOpened if it is known without loading it that *model* cannot be opened."""
    try:
        refuse_unopenable(model)
    except NotOpenable as error:
        raise ModelNotOpened(_not_opened(model, error)) from error


@asynccontextmanager
async def opened(
    models: tuple[ModelConfig, ...],
    on_batch: OnBatch = _untold,
    *,
    decoded_bytes: int = DEFAULT_BYTES,
) -> AsyncGenerator[list[Backend], None]:
    """Open every model in order, and close all of them in reverse, whatever ends the block.

    Decoded recordings take at most *decoded_bytes* in all of them together. Raises ModelNotOpened
    for the first that cannot be; those before it are closed again.
    """
    memory = AudioMemory(decoded_bytes)
    async with AsyncExitStack() as stack:
        yield [await _open(model, on_batch, memory, stack) for model in models]


async def _open(
    model: ModelConfig, on_batch: OnBatch, memory: AudioMemory, stack: AsyncExitStack
) -> Backend:
    try:
        return await stack.enter_async_context(adapter(model, on_batch, memory))
    # A model's start ends here: engines raise whatever they like, and it is for people to read.
    except Exception as error:
        raise ModelNotOpened(_not_opened(model, error)) from error


def _not_opened(model: ModelConfig, error: Exception) -> str:
    """Return the message of ModelNotOpened on one line, also where *error* has several."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if not (isinstance(error, NotOpenable) or is_local(model)):
        reason = f"{model.source} is no directory here, and the model hub: {reason}"
    return f"The model {model.id!r} could not be opened: {reason}"
