"""The delays, failures and the log of computations of the fake engines, as configured."""

import asyncio
import hashlib
import random
import time
from pathlib import Path
from typing import Self

from .config import FakeOptions
from .failures import EngineDead


class Script:
    """What all fake engines have in common: which of their requests fail, and when."""

    def __init__(self, options: FakeOptions) -> None:
        self._options = options
        self._draw = random.Random(options.seed)  # noqa: S311  must be repeatable
        self._requests = 0
        self._clock = time.monotonic
        self._down_until = 0.0
        """When the engine works again, in seconds of the clock."""

    async def ready(self) -> bool:
        """Return whether the engine works now."""
        return self._options.ready and not self._is_down()

    async def self_test(self) -> None:
        """Raise EngineDead if that is configured; the other faults only affect requests."""
        if self._options.fails_self_test:
            raise EngineDead("The fake engine was told to fail its self-test.")

    def begin(self, prompt: bytes) -> "Course":
        """Return the course of a request for *prompt*, and write to the log that it begins."""
        self._requests += 1
        course = Course(self, self._options, prompt, fails=self._fails())
        course.write("begin")
        return course

    def _fails(self) -> bool:
        options = self._options
        if not options.fail_first and not options.fail_rate:
            return options.fail_after is not None
        # Drawn for each request, so that the later draws do not depend on the first failures.
        drawn = self._draw.random() < options.fail_rate
        return drawn or self._requests <= options.fail_first

    def _is_down(self) -> bool:
        return self._options.dead or self._clock() < self._down_until

    def refuse_if_down(self) -> None:
        """Raise EngineDead while the engine is dead."""
        if self._is_down():
            raise self._dead("The fake engine is dead.")

    def die(self) -> None:
        """Raise EngineDead, and be dead for the configured time."""
        self._down_until = self._clock() + self._options.down_seconds
        raise self._dead("The fake engine was told to die here.")

    def _dead(self, message: str) -> EngineDead:
        return EngineDead(message, retry_after=self._options.retry_after)


class Course:
    """One request: it is delayed, and fails, at its items. The end of its block is its end."""

    def __init__(self, script: Script, options: FakeOptions, prompt: bytes, *, fails: bool) -> None:
        """Make the course of a request that *fails* at the item which *options* name, or not."""
        self._script = script
        self._options = options
        self._prompt = prompt
        self._fails = fails

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write to the log that the request is computed, or that its client has left."""
        if kind is None:
            self.write("end")
        elif not issubclass(kind, Exception):  # GeneratorExit or CancelledError
            self.write("left")

    async def before(self, item: int) -> None:
        """Wait the configured time; raise EngineDead if the engine is dead or dies here."""
        self._script.refuse_if_down()
        if self._fails and item == (self._options.fail_after or 0):
            self._script.die()
        stall = self._options.stall_seconds if item == self._options.stall_after else 0
        await asyncio.sleep(self._options.seconds_per_item + stall)
        self._script.refuse_if_down()

    def write(self, event: str) -> None:
        """Write *event* and the prompt's digest to the log file, if there is one.

        A line is in the file when this returns, also if the process is killed then.
        """
        if self._options.log_file is not None:
            with Path(self._options.log_file).open("a", encoding="utf-8") as file:
                file.write(f"{event} {digest(self._prompt)}\n")


def digest(prompt: bytes) -> str:
    """Return 16 hex digits of the SHA-256 of *prompt*, by which the log names it."""
    return hashlib.sha256(prompt).hexdigest()[:16]
