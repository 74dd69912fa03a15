"""Starts an engine in a thread, one at a time, and ends it if its caller is cancelled.

vLLM's own server starts its engine on the event loop's thread. That is not necessary: ZeroMQ's
sockets use the loop on which they are first awaited, and the engine listens to its processes from
the first call on. So during a restart the event loop still serves other models and `/health`.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from backends.config import VllmModelConfig
from backends.in_thread import in_thread

from . import children

log = logging.getLogger(__package__)

_POLL = 0.1
"""Seconds between two looks at a lock or at a thread that should end."""
_FIRST_ANSWER = 60.0
"""Seconds for the first answer of an engine that has loaded; it takes milliseconds."""

_ONE_START = threading.Lock()
"""Held during a start: the mark is an environment variable, which the whole process shares."""


async def start_engine(config: VllmModelConfig, mark: str) -> Any:
    """Load *config*'s model; return its engine, a `vllm.v1.engine.async_llm.AsyncLLM`.

    The engine's processes bear *mark* (`children.py`). Cancelling ends those that have started so
    far. Raises what vLLM raises for a wrong argument, a missing model or too little memory,
    ImportError if vLLM is not installed, and TimeoutError for an engine that does not answer.
    """
    async with _one_at_a_time():
        begin = time.monotonic()
        # In a call of its own: torch keeps the frames in which it is imported alive for ever, and
        # with them the values that they return. The engine must not be among these values.
        await in_thread(partial(_import_vllm, config.id))
        end = partial(children.end, mark, patience=0.0)
        engine = await in_thread(partial(_launch, config, mark), on_cancel=end)
        # From this call on the engine listens to its processes on this loop: also for their death.
        async with asyncio.timeout(_FIRST_ANSWER):
            await engine.get_supported_tasks()
    log.info("%s: ready after %.1f s", config.id, time.monotonic() - begin)
    return engine


@asynccontextmanager
async def _one_at_a_time() -> AsyncGenerator[None, None]:
    # Polled, because waiting for the lock in a thread could not be cancelled.
    while not _ONE_START.acquire(blocking=False):  # noqa: ASYNC110
        await asyncio.sleep(_POLL)
    try:
        yield
    finally:
        _ONE_START.release()


def _import_vllm(model: str) -> None:
    if f"{__package__}.launch" in sys.modules:
        return
    log.info("%s: importing vLLM", model)
    begin = time.monotonic()
    from backends.vllm import chat  # noqa: F401

    from . import launch  # noqa: F401

    log.info("%s: vLLM imported in %.1f s", model, time.monotonic() - begin)


def _launch(config: VllmModelConfig, mark: str) -> Any:
    from .launch import launch

    with children.marked(mark):
        return launch(config)
