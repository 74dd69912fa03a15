"""Opening and closing vLLM. vLLM itself is imported here, and only when a model asks for it."""

import logging
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

from backends.base import ChatBackend, EmbeddingBackend
from backends.config import VllmModelConfig

from . import children

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that the engine's processes have to end after being asked. Two of them take five seconds
of a CPU only to take down their interpreters; nothing is lost where they are killed instead."""


@asynccontextmanager
async def open_backend(
    config: VllmModelConfig,
) -> AsyncGenerator[ChatBackend | EmbeddingBackend, None]:
    """Load *config*'s model, serve it, and leave no process behind.

    The event loop stands still while it loads: vLLM has to be started on the loop's own thread.
    Raises whatever vLLM raises for a wrong argument, a missing model or too little memory, and
    ImportError where vLLM is not installed.
    """
    _prepare_environment()
    mark = uuid4().hex
    with children.reaped(mark, patience=_PATIENCE):
        log.info("loading %s", config.id)
        begin = time.monotonic()
        with children.marked(mark):
            from .embedding import VllmEmbedding
            from .engine import VllmChat, start

            engine = start(config.source, config.options)
        embeds = engine.model_config.runner_type == "pooling"
        backend = await VllmEmbedding.over(engine) if embeds else VllmChat(engine)
        log.info("%s is ready after %.1f s", config.id, time.monotonic() - begin)
        try:
            yield backend
        finally:
            backend.close(patience=_PATIENCE)


def _prepare_environment() -> None:
    """Set what vLLM reads while it is imported, where its user has not."""
    # An on-premises tool does not phone home; one name for vLLM, one for its libraries.
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # vLLM writes its log to stdout, which belongs to the command line's own output.
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    level = os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    # What it logs before it has set up its own handler would come out at our level.
    logging.getLogger("vllm").setLevel(level.upper())
    # As vLLM's own server does. A fork would copy our threads, and would not show the mark.
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
