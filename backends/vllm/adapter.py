"""Opening and closing vLLM. vLLM itself is imported here, and only when a model asks for it."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from backends.base import ChatBackend, EmbeddingBackend
from backends.config import VllmModelConfig
from backends.vllm.process import children
from backends.vllm.process.start import in_thread, started
from backends.vllm.process.supervisor import Supervisor

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

    from .chat import VllmChat
    from .embedding import VllmEmbedding

_PATIENCE = 10.0
"""Seconds that the engine's processes have to end after being asked. Two of them take five seconds
of a CPU only to take down their interpreters; nothing is lost where they are killed instead."""


@asynccontextmanager
async def open_backend(
    config: VllmModelConfig,
) -> AsyncGenerator[ChatBackend | EmbeddingBackend, None]:
    """Load *config*'s model, serve it, restart it where it dies, and leave no process behind.

    Raises what `starting.started` does.
    """
    _prepare_environment()
    mark = uuid4().hex
    start = partial(started, config, mark)
    with children.reaped(mark, patience=_PATIENCE):
        backend = await _backend(config, await start())
        supervisor = Supervisor(
            backend,
            start,
            partial(children.end, mark, patience=0.0),
            name=config.id,
            max_restarts=config.max_restarts,
        )
        watch = asyncio.create_task(supervisor.run())
        try:
            yield backend
        finally:
            watch.cancel()
            await asyncio.wait([watch])
            backend.close(patience=_PATIENCE)


async def _backend(config: VllmModelConfig, engine: "AsyncLLM") -> "VllmChat | VllmEmbedding":
    """Return what *engine*'s model is for; close it where that fails."""
    from .chat import VllmChat
    from .embedding import VllmEmbedding

    try:
        if engine.model_config.runner_type == "pooling":
            return await VllmEmbedding.over(engine)
        chat = await in_thread(partial(VllmChat, config, engine))
        await chat.load_adapters()
    except BaseException:
        engine.shutdown(timeout=_PATIENCE)
        raise
    return chat


def _prepare_environment() -> None:
    """Set what vLLM reads while it is imported, where its user has not."""
    # An on-premises tool does not phone home; one name for vLLM, one for its libraries.
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # An allowed host must not send vLLM on to one that is not.
    os.environ.setdefault("VLLM_MEDIA_URL_ALLOW_REDIRECTS", "0")
    # vLLM writes its log to stdout, which belongs to the command line's own output.
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    level = os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    # What it logs before it has set up its own handler would come out at our level.
    logging.getLogger("vllm").setLevel(level.upper())
    # As vLLM's own server does. A fork would copy our threads, and would not show the mark.
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
