"""The self-test: a model answers one small request before it is ready for those of clients."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from backends.base import Backend
from backends.registry import ModelNotOpened

log = logging.getLogger(__name__)

_AGAIN = 30.0
"""Seconds until a model that failed is tested again: a device may get its memory back, and an
engine that died in its test is restarted."""


class SelfTest:
    """A model's self-test, and what came of it."""

    def __init__(self, model: str, backend: Backend) -> None:
        self.model = model
        """Its id."""
        self._backend = backend
        self.fault: Exception | None = None
        """Why the last run failed; None if it passed, and before the first."""

    async def run(self) -> None:
        """Test the model; its fault is then that of this run."""
        try:
            await self._backend.self_test()
        # The test ends here: what fails in the first call is mostly unforeseen, and it must not
        # take other models down.
        except Exception as error:  # noqa: BLE001
            self.fault = error
        else:
            self.fault = None

    def __str__(self) -> str:
        return f"{type(self.fault).__name__}: {self.fault}".removesuffix(": ")


@asynccontextmanager
async def checked(
    tests: Sequence[SelfTest], *, on_pass: Callable[[str], None]
) -> AsyncGenerator[None, None]:
    """Run *tests*, and until the block ends those that failed again and again.

    *on_pass* is given the id of each model that passes. Raises ModelNotOpened if none does: such a
    server could answer nothing.
    """
    failed = await _failed(tests, on_pass)
    if failed and len(failed) == len(tests):
        faults = (f"The model {test.model!r} failed its self-test: {test}" for test in failed)
        raise ModelNotOpened("\n".join(faults)) from failed[0].fault
    for test in failed:
        log.error("%s: the self-test failed: %s", test.model, str(test), exc_info=test.fault)
    again = asyncio.create_task(_repeated(failed, on_pass))
    try:
        yield
    finally:
        again.cancel()
        await asyncio.wait([again])


async def _failed(tests: Sequence[SelfTest], on_pass: Callable[[str], None]) -> list[SelfTest]:
    """Run *tests* side by side; return those that failed."""
    await asyncio.gather(*(test.run() for test in tests))
    for test in tests:
        if test.fault is None:
            on_pass(test.model)
    return [test for test in tests if test.fault is not None]


async def _repeated(tests: Sequence[SelfTest], on_pass: Callable[[str], None]) -> None:
    def passed(model: str) -> None:
        log.warning("%s: passes its self-test now", model)
        on_pass(model)

    while tests:
        await asyncio.sleep(_AGAIN)
        tests = await _failed(tests, passed)
