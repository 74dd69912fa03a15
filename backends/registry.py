"""Which adapter opens which configured model; all opened together, closed in reverse."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from . import ct2chat, fake
from .base import Backend
from .config import (
    Ct2ModelConfig,
    FakeModelConfig,
    ModelConfig,
    VllmModelConfig,
    WhisperModelConfig,
)
from .vllm import adapter as vllm
from .whisper import adapter as whisper


def adapter(model: ModelConfig) -> AbstractAsyncContextManager[Backend]:
    """Return *model*'s backend, not yet opened.

    Every adapter imports its engine inside `open_backend`: an engine that is not configured need
    not be installed.
    """
    match model:
        case WhisperModelConfig():
            return whisper.open_backend(model)
        case VllmModelConfig():
            return vllm.open_backend(model)
        case Ct2ModelConfig():
            return ct2chat.open_backend(model)
        case FakeModelConfig():
            return fake.open_backend(model)


@asynccontextmanager
async def opened(models: tuple[ModelConfig, ...]) -> AsyncGenerator[list[Backend], None]:
    """Open every model in order, and close all of them in reverse, whatever ends the block."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(adapter(model)) for model in models]
