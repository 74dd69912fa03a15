"""Restarts an engine that has died, a limited number of times in a row: vLLM's, CTranslate2's."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Protocol

from backends.in_thread import in_thread

log = logging.getLogger(__name__)

_POLL = 0.2
"""Seconds between two looks at an engine; vLLM's own server takes five."""
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
"""Seconds before the first restart in a row, doubled for each next one, and their upper bound."""
_STEADY = 300.0
"""Seconds that an engine must live for the next death to be the first in a row again."""


def _nothing() -> None:
    return


class Restartable(Protocol):
    """A backend whose engine can be replaced."""

    async def alive(self) -> bool:
        """Return whether its engine is alive; may find out by a small request."""
        ...

    async def self_test(self) -> None:
        """Send one small request through its engine; raise what fails."""
        ...

    def use_engine(self, engine: Any) -> None:
        """Send all requests to *engine* from now on; blocks."""
        ...

    def close(self, *, patience: float) -> None:
        """Drop its engine and end it within *patience* seconds; blocks."""
        ...


class Supervisor:
    """Watches one backend's engine, and starts another one when it dies."""

    def __init__(
        self,
        backend: Restartable,
        start: Callable[[], Awaitable[Any]],
        clear: Callable[[], None] = _nothing,
        *,
        name: str,
        max_restarts: int,
        on_restart: Callable[[], None] = _nothing,
        patience: float = 0.0,
        steady: float = _STEADY,
    ) -> None:
        """Take the model's *name* for the log, and the limit of restarts in a row.

        *on_restart* is called before each try to start another engine. A dead engine gets
        *patience* seconds to end. After *max_restarts* in a row the engine is not started again. An
        engine that has lived for *steady* seconds ends the row.
        """
        self._backend = backend
        self._start = start
        self._clear = clear
        """Ends the processes that remain of a dead engine or a failed start and occupy memory."""
        self._name = name
        self._max_restarts = max_restarts
        self._on_restart = on_restart
        self._patience = patience
        self._steady = steady

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None, None]:
        """Restart the engine whenever it dies, as `run` does, until the block ends."""
        watch = asyncio.create_task(self.run())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    async def run(self) -> None:
        """Restart the engine whenever it dies; return after *max_restarts* in a row."""
        restarts = 0
        while True:
            begin = time.monotonic()
            await self._wait_for_death()
            if time.monotonic() - begin >= self._steady:
                restarts = 0
            with self._failures_logged("clearing the dead engine away"):
                await in_thread(self._clear_away)
            if restarts == self._max_restarts:
                log.error(
                    "%s: the engine is dead for good, after %d restarts in a row; a restart of the "
                    "server may bring it back",
                    self._name,
                    restarts,
                )
                return
            delay = min(_FIRST_DELAY * 2**restarts, _LONGEST_DELAY)
            restarts += 1
            log.warning(
                "%s: the engine is dead: restart %d of at most %d in %.0f s",
                self._name,
                restarts,
                self._max_restarts,
                delay,
            )
            await asyncio.sleep(delay)
            self._on_restart()
            with self._failures_logged("the restart"):
                await self._restart()

    async def _wait_for_death(self) -> None:
        # Polled, as in vLLM's own server: a dying engine only notifies its running requests.
        while await self._backend.alive():  # noqa: ASYNC110
            await asyncio.sleep(_POLL)

    def _clear_away(self) -> None:
        try:
            self._backend.close(patience=self._patience)
        finally:
            self._clear()

    async def _restart(self) -> None:
        engine = await self._start()
        await in_thread(partial(self._backend.use_engine, engine))
        try:
            await self._backend.self_test()
        except Exception:
            # An engine that loads but cannot answer counts as one that did not start.
            await in_thread(self._clear_away)
            raise

    @contextmanager
    def _failures_logged(self, step: str) -> Iterator[None]:
        try:
            yield
        # The start and the end of an engine can raise anything, and the next try may succeed. So
        # every exception ends here, in the log.
        except Exception as error:  # noqa: BLE001
            log.warning("%s: %s failed: %s", self._name, step, str(error) or type(error).__name__)
