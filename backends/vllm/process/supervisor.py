"""An engine that has died is started again, but not for ever."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

from .start import in_thread

log = logging.getLogger(__package__)

_GLANCE = 0.2
"""Seconds between two looks at an engine; vLLM's own server takes five."""
_FIRST, _LONGEST = 1.0, 60.0
"""Seconds before the first restart in a row, doubled for each that follows, and their bound."""
_STEADY = 300.0
"""Seconds of life after which an engine's death is the first in a row again."""


class Restartable(Protocol):
    """A backend that can go on with another engine."""

    async def ready(self) -> bool:
        """Whether its engine lives."""
        ...

    async def self_test(self) -> None:
        """Answer one small request through its engine; raise what fails."""
        ...

    def take(self, engine: Any) -> None:
        """Answer through *engine* from now on; blocks."""
        ...

    def close(self, *, patience: float) -> None:
        """Let go of its engine and end it, within *patience* seconds; blocks."""
        ...


class Supervisor:
    """Watches a backend's engine, and starts another whenever it has died."""

    def __init__(
        self,
        backend: Restartable,
        start: Callable[[], Awaitable[Any]],
        clear: Callable[[], None],
        *,
        name: str,
        max_restarts: int,
        steady: float = _STEADY,
    ) -> None:
        self._backend = backend
        self._start = start
        self._clear = clear
        """Ends what a dead engine, or a start that failed, has left: it may hold memory."""
        self._name = name
        self._max_restarts = max_restarts
        self._steady = steady

    async def run(self) -> None:
        """Watch until cancelled, or until *max_restarts* in a row have come to nothing."""
        restarts = 0
        while True:
            begin = time.monotonic()
            await self._death()
            if time.monotonic() - begin >= self._steady:
                restarts = 0
            with self._survived("clearing the dead engine away"):
                await in_thread(self._bury)
            if restarts == self._max_restarts:
                log.error(
                    "%s: the engine is dead for good, after %d restarts in a row",
                    self._name,
                    restarts,
                )
                return
            delay = min(_FIRST * 2**restarts, _LONGEST)
            restarts += 1
            log.warning(
                "%s: the engine is dead: restart %d of at most %d in %.0f s",
                self._name,
                restarts,
                self._max_restarts,
                delay,
            )
            await asyncio.sleep(delay)
            with self._survived("the restart"):
                await self._restart()

    async def _death(self) -> None:
        # As in vLLM's own server: an engine that dies tells nobody who is not asking it something.
        while await self._backend.ready():  # noqa: ASYNC110
            await asyncio.sleep(_GLANCE)

    def _bury(self) -> None:
        try:
            self._backend.close(patience=0.0)
        finally:
            self._clear()

    async def _restart(self) -> None:
        engine = await self._start()
        await in_thread(partial(self._backend.take, engine))
        try:
            await self._backend.self_test()
        except Exception:
            # An engine that loads but cannot answer counts as one that did not start.
            await in_thread(self._bury)
            raise

    @contextmanager
    def _survived(self, what: str) -> Iterator[None]:
        try:
            yield
        # An engine's start or end ends here: they raise whatever they like, and the next try may
        # go better.
        except Exception as error:  # noqa: BLE001
            log.warning("%s: %s failed: %s", self._name, what, str(error) or type(error).__name__)
