"""Runs self-tests: a model answers one small request before clients may use it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from backends.base import Backend
from backends.registry import ModelNotOpened

log = logging.getLogger(__name__)

_RETRY_SECONDS = 30.0
"""Seconds until a model that failed is tested again: by then its device may have free memory, or an
engine that died in the test may have been restarted."""


class SelfTest:
    """The self-test of one model, and the result of its last run."""

    def __init__(self, model: str, backend: Backend) -> None:
        self.model = model
        """The model's id."""
        self._backend = backend
        self.fault: Exception | None = None
        """Why the last run failed; None if it passed, and before the first run."""
        self.ended = False
        """Whether the model is closed: it is not tested any longer."""

    async def run(self) -> None:
        """Test the model; set `fault` to the exception, None if there was none."""
        try:
            await self._backend.self_test()
        # The test ends here: most failures of a first call are unforeseen, and they must not stop
        # the other models.
        except Exception as error:  # noqa: BLE001
            self.fault = error
        else:
            self.fault = None

    def __str__(self) -> str:
        return f"{type(self.fault).__name__}: {self.fault}".removesuffix(": ")


@asynccontextmanager
async def self_tested(
    tests: Sequence[SelfTest], *, on_pass: Callable[[str], None]
) -> AsyncGenerator[None, None]:
    """Run *tests* before the block; during it, repeat those that failed every 30 seconds.

    Calls *on_pass* with the id of each model that passes. Raises ModelNotOpened if no model
    passes: such a server could answer nothing.
    """
    failed = await _run(tests, on_pass)
    if failed and len(failed) == len(tests):
        raise _refusal(failed)
    for test in failed:
        log.error("%s: the self-test failed: %s", test.model, str(test), exc_info=test.fault)
    retrying = asyncio.create_task(_retry(failed, on_pass))
    try:
        yield
    finally:
        retrying.cancel()
        await asyncio.wait([retrying])


async def passed(tests: Sequence[SelfTest], *, on_pass: Callable[[str], None]) -> None:
    """Run *tests*; raise ModelNotOpened, with the reason of each, if one or more fail."""
    if failed := await _run(tests, on_pass):
        raise _refusal(failed)


def _refusal(failed: Sequence[SelfTest]) -> ModelNotOpened:
    faults = (f"The model {test.model!r} failed its self-test: {test}" for test in failed)
    error = ModelNotOpened("\n".join(faults))
    error.__cause__ = failed[0].fault
    return error


async def _run(tests: Sequence[SelfTest], on_pass: Callable[[str], None]) -> list[SelfTest]:
    """Run *tests* concurrently; return those that failed."""
    await asyncio.gather(*(test.run() for test in tests))
    for test in tests:
        if test.fault is None:
            on_pass(test.model)
    return [test for test in tests if test.fault is not None]


async def _retry(tests: Sequence[SelfTest], on_pass: Callable[[str], None]) -> None:
    def report(model: str) -> None:
        log.warning("%s: passes its self-test now", model)
        on_pass(model)

    while tests:
        await asyncio.sleep(_RETRY_SECONDS)
        tests = await _run([test for test in tests if not test.ended], report)
