"""Provides a timer of the event loop that can be restarted."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

_SPREAD = 1.1
"""Most by which the seconds of a timer are multiplied, at random."""


class Timer:
    """Calls a function once, unless it is stopped or restarted before."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    @property
    def runs(self) -> bool:
        """Whether a call is scheduled."""
        return self._handle is not None

    def start(self, seconds: float, function: Callable[..., object], *args: Any) -> None:
        """Call *function* with *args* in *seconds*, or up to a tenth later; drop an earlier call.

        Without the random delay, a thousand timers that were started at the same moment would fire
        in one turn of the event loop.
        """
        self.stop()
        later = seconds * random.uniform(1, _SPREAD)  # noqa: S311  spreads work
        self._handle = self._loop.call_later(later, self._call, function, args)

    def stop(self) -> None:
        """Drop the scheduled call, if there is one."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _call(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._handle = None
        function(*args)
