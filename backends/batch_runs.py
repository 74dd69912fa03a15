"""Runs one batch of calls, and finds out which of them made it fail.

An engine's error does not name the call that caused it. So a batch that fails runs again in halves,
these in halves of their own, down to single calls. One bad call among n costs at most 2 log2 n
further calls of the engine; n bad ones cost 2n - 2.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backends.base import Batch
from backends.batch_calls import Call
from backends.failures import EngineDead

log = logging.getLogger(__name__)

RunBatch = Callable[[Sequence[Any]], Sequence[Any]]
"""Returns a result for each input of one batch, in their order, or `AGAIN` for all of them."""

AGAIN = object()
"""The result of a call that is to run again, at once, together with those that wait."""

_WRONG_INPUTS = (ValueError, TypeError)
"""These two mean wrong inputs, the caller's fault; anything else is the engine's."""


_Failed = tuple[Call, Exception]
"""A call that failed alone, and its error."""


class EngineLost(Exception):
    """The engine cannot compute any further call."""


class BatchRunner:
    """Runs batches in the functions of their kinds, and gives each call its outcome."""

    def __init__(
        self,
        kinds: Mapping[str, RunBatch],
        *,
        name: str,
        is_lost: Callable[[Exception], bool],
        requeue: Callable[[list[Call]], None],
        on_batch: Callable[[Batch], None],
    ) -> None:
        """Take a function for each kind of call, and the model's *name* for the log.

        *is_lost* returns whether an error means that all further calls would fail too. *requeue*
        gets the calls that are to run again with others. *on_batch* is called after every call of
        the engine, also after one that failed.
        """
        self._kinds = kinds
        self._name = name
        self._is_lost = is_lost
        self._requeue = requeue
        self._on_batch = on_batch
        self.failing = False
        """Whether all calls of the last batch failed, and not through their own inputs."""

    def run(self, batch: list[Call]) -> None:
        """Run *batch*: each of its calls gets its result or its own error, or is requeued.

        Raises EngineLost, after which calls of *batch* may lack an outcome.
        """
        if (error := self._attempt(batch)) is None:
            self.failing = False
            return
        failed = self._isolate(batch, error)
        wrong_inputs = isinstance(error, _WRONG_INPUTS)
        # Before the callers get their errors, so that they find the engine as it is.
        self.failing = len(failed) == len(batch) and not wrong_inputs
        if len(batch) > 1 or not wrong_inputs:
            self._log(batch, failed, error)
        for call, own_error in failed:
            call.fail(_by_meaning(own_error))

    def _log(self, batch: list[Call], failed: list[_Failed], error: Exception) -> None:
        log.warning(
            "%s: a call of %s failed for %d of %d requests: %s: %s",
            self._name,
            batch[0].kind,
            len(failed),
            len(batch),
            type(error).__name__,
            error,
        )

    def _attempt(self, batch: list[Call]) -> Exception | None:
        """Run *batch* in one call of the engine; return that call's error, None if it succeeded."""
        started = time.perf_counter()
        kind = batch[0].kind
        error, results = None, None
        try:
            results = self._kinds[kind]([call.inputs for call in batch])
        # Whatever it is, it ends in the requests that wait for the calls, or in EngineLost.
        except Exception as caught:  # noqa: BLE001
            error = caught
        if results is not None and results[0] is AGAIN:
            self._requeue(batch)
            return None
        # Before the results are set, so that a caller with a result finds its batch counted.
        self._on_batch(
            Batch(
                call=kind,
                size=len(batch),
                waited=tuple(started - call.since for call in batch),
                took=time.perf_counter() - started,
                failed=error is not None,
            )
        )
        if results is not None:
            for call, result in zip(batch, results, strict=True):
                call.finish(result)
        return error

    def _isolate(self, batch: list[Call], error: Exception) -> list[_Failed]:
        """Run *batch*, which failed with *error*, in halves; return the calls that fail alone."""
        if self._is_lost(error):
            raise EngineLost(str(error)) from error
        if len(batch) == 1:
            return [(batch[0], error)]
        middle = len(batch) // 2
        failed: list[_Failed] = []
        for half in (batch[:middle], batch[middle:]):
            if (error_of_half := self._attempt(half)) is not None:
                failed += self._isolate(half, error_of_half)
        return failed


def _by_meaning(error: Exception) -> Exception:
    """Return EngineDead for what a C++ library raises for its own failures and its device's."""
    if not isinstance(error, RuntimeError | MemoryError):
        return error
    dead = EngineDead("The engine failed; the server's log has the reason.")
    dead.__cause__ = error
    return dead
