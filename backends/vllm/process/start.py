"""Starting an engine: in a thread, one at a time, and ended where nobody waits for it any more.

vLLM's own server starts its engine on the event loop's thread. It need not be: ZeroMQ's sockets
take the loop on which they are first awaited, and the engine listens to its processes from the
first call on. So a restart stops nobody: neither other models nor `/health`.
"""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from backends.config import VllmModelConfig

from . import children

T = TypeVar("T")

log = logging.getLogger(__package__)

_GLANCE = 0.1
_ANSWER = 60.0
"""Seconds for the first answer of an engine that has loaded; it takes milliseconds."""

_STARTING = threading.Lock()
"""The mark stands in the environment, and that is the process's own: one engine at a time."""


async def started(config: VllmModelConfig, mark: str) -> Any:
    """Load *config*'s model and return its engine, a `vllm.v1.engine.async_llm.AsyncLLM`.

    Cancelling ends the processes that have been started so far. Raises whatever vLLM raises for a
    wrong argument, a missing model or too little memory, ImportError where vLLM is not installed,
    and TimeoutError for an engine that does not answer.
    """
    async with _alone():
        begin = time.monotonic()
        # In a call of its own: torch keeps the frames in which it is imported, for ever, and what
        # they return with them. That must not be the engine.
        await in_thread(partial(_import_vllm, config.id))
        end = partial(children.end, mark, patience=0.0)
        engine = await in_thread(partial(_start, config, mark), abandon=end)
        # From here on the engine hears its processes on this loop: also that they have died.
        async with asyncio.timeout(_ANSWER):
            await engine.get_supported_tasks()
    log.info("%s: ready after %.1f s", config.id, time.monotonic() - begin)
    return engine


async def in_thread(function: Callable[[], T], *, abandon: Callable[[], None] | None = None) -> T:
    """Return what *function* returns, from a thread.

    Threads cannot be cancelled: if this is, it calls *abandon*, which blocks too, until *function*
    has ended in whatever way.
    """
    running = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            if abandon is not None:
                await asyncio.to_thread(abandon)
            await asyncio.wait([running], timeout=_GLANCE)
        running.exception()  # looked at, or asyncio complains that nobody has
        raise


@asynccontextmanager
async def _alone() -> AsyncGenerator[None, None]:
    # Not waited for in a thread, which could not be cancelled.
    while not _STARTING.acquire(blocking=False):  # noqa: ASYNC110
        await asyncio.sleep(_GLANCE)
    try:
        yield
    finally:
        _STARTING.release()


def _import_vllm(name: str) -> None:
    if f"{__package__}.launch" in sys.modules:
        return
    log.info("%s: importing vLLM", name)
    begin = time.monotonic()
    from backends.vllm import chat  # noqa: F401

    from . import launch  # noqa: F401

    log.info("%s: vLLM imported in %.1f s", name, time.monotonic() - begin)


def _start(config: VllmModelConfig, mark: str) -> Any:
    from .launch import start

    with children.marked(mark):
        return start(config)
