"""The calls that `batching.py` merges, the limits of a batch of them, and a batch that runs."""

import time
from collections.abc import Hashable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a call is, in units that its kind chooses."""

    length: int = 0
    """Calls share a batch only if their lengths differ by at most `MaxBatch.spread`."""
    cost: int = 0
    """Calls share a batch only if the sum of their costs is at most `MaxBatch.cost`."""


ANY_SIZE = Size()


@dataclass(frozen=True, kw_only=True)
class MaxBatch:
    """The largest batch of one kind of calls. A call that exceeds a limit by itself runs alone."""

    calls: int
    spread: int = 0
    cost: int = 0


@dataclass(eq=False)
class Call:
    """One call of one request, from the moment it is queued until it has an outcome."""

    kind: str
    group: Hashable
    inputs: Any
    size: Size
    future: "Future[Any]" = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)

    def claim(self) -> bool:
        """Return False if the call was cancelled; else it can no longer be."""
        # A call that runs again was claimed before.
        return self.future.running() or self.future.set_running_or_notify_cancel()

    # The first outcome counts. A call that was cancelled while it waited has one, and so has a
    # call that was given up before the engine returned.

    def finish(self, result: Any) -> None:
        """Return *result* to the caller, unless the call has an outcome."""
        with suppress(InvalidStateError):
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Raise *error* in the caller, unless the call has an outcome."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class Run:
    """A batch in a worker."""

    def __init__(self) -> None:
        self.batch: list[Call] = []
        self.stalled = False
        """Whether it was given up, so that its thread may never return."""
        self.beat()

    def beat(self) -> None:
        """Note that the engine makes progress."""
        self.since = time.monotonic()
