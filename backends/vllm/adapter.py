"""Opening and closing vLLM. vLLM itself is imported here only when a model asks for it."""

import logging
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

from ..base import ChatBackend
from ..config import VllmModelConfig
from . import children

log = logging.getLogger(__name__)

_SHUTDOWN = 10.0
"""Seconds that the engine's processes have to end after being asked."""


class WrongEngineArgument(ValueError):
    """vLLM refuses an argument of a configured model; the message names both."""


@asynccontextmanager
async def open_backend(config: VllmModelConfig) -> AsyncGenerator[ChatBackend, None]:
    """Load *config*'s model, serve it, and leave no process behind.

    Raises WrongEngineArgument where vLLM refuses one of the options, ImportError where vLLM is
    not installed, and vLLM's own exceptions where the model does not load.
    """
    _environment()
    mark = uuid4().hex
    with children.reaped(mark, patience=_SHUTDOWN):
        log.info("loading %s", config.id)
        begin = time.monotonic()
        with children.marked(mark):
            engine = _started(config)
        try:
            from .engine import VllmChat

            backend = VllmChat(engine)
            log.info("%s is ready after %.1f s", config.id, time.monotonic() - begin)
            yield backend
        finally:
            engine.shutdown(timeout=_SHUTDOWN)


def _environment() -> None:
    """Set what vLLM reads while it is imported, where its user has not."""
    # An on-premises tool does not phone home; both names, for vLLM and for its libraries.
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    # vLLM logs some hundred lines to stdout, which belongs to the command line's own output.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    # As vLLM's own server: a fork would copy our threads, and would not show the mark.
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"


def _started(config: VllmModelConfig):
    from .engine import start

    return start(config.source, config.options)
