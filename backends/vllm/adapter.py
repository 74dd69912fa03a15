"""Opens and closes vLLM backends. vLLM itself is only imported when a model needs it."""

import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from backends.base import ChatBackend, EmbeddingBackend
from backends.config import VllmModelConfig
from backends.in_thread import in_thread
from backends.supervisor import Supervisor
from backends.vllm.process import children
from backends.vllm.process.start import start_engine

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

    from .chat import VllmChat
    from .embedding import VllmEmbedding

_PATIENCE = 10.0
"""Seconds that the engine's processes get to end before they are killed. Two processes take five
seconds of a CPU only to take down their interpreters; killing them loses nothing."""


@asynccontextmanager
async def open_backend(
    config: VllmModelConfig, on_restart: Callable[[], None]
) -> AsyncGenerator[ChatBackend | EmbeddingBackend, None]:
    """Load the model of *config*, and yield its backend until the caller is done with it.

    An engine that dies meanwhile is restarted; *on_restart* is called before each try. At the end
    no process is left.

    Raises what `start_engine` raises, and ValueError for a pooling model that does not embed texts.
    """
    _prepare_environment()
    mark = uuid4().hex
    start = partial(start_engine, config, mark)
    with children.reaped(mark, patience=_PATIENCE):
        backend = await _backend(config, await start())
        supervisor = Supervisor(
            backend,
            start,
            partial(children.end, mark, patience=0.0),
            name=config.id,
            max_restarts=config.max_restarts,
            on_restart=on_restart,
        )
        try:
            async with supervisor.watching():
                yield backend
        finally:
            backend.close(patience=_PATIENCE)


async def _backend(config: VllmModelConfig, engine: "AsyncLLM") -> "VllmChat | VllmEmbedding":
    """Return the backend for the kind of *engine*'s model; shut *engine* down if that fails."""
    from .chat import VllmChat
    from .embedding import VllmEmbedding

    try:
        if engine.model_config.runner_type == "pooling":
            return await VllmEmbedding.over(engine)
        chat = await in_thread(partial(VllmChat, config, engine))
        await chat.load_loras()
    except BaseException:
        engine.shutdown(timeout=_PATIENCE)
        raise
    return chat


def _prepare_environment() -> None:
    """Set the variables that vLLM reads while it is imported; most only if they are not set."""
    # A server must not send reports of its use. vLLM reads one name, its libraries the other.
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # vLLM writes its log to stdout, which belongs to the command line's own output.
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    level = os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    # Records from before vLLM sets up its own handler would be shown at our level.
    logging.getLogger("vllm").setLevel(level.upper())
    # As vLLM's own server does. A fork would copy our threads, and would not show the mark.
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
