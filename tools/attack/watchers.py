"""The probe and the bystander: their processes, and what they printed of a span of time."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tools.attack.bystander import ASKERS


@dataclass
class Lines:
    """What a process has printed so far: a JSON value for each line."""

    process: asyncio.subprocess.Process
    values: list[Any] = field(default_factory=list)

    async def read(self) -> None:
        """Read until the process ends."""
        assert self.process.stdout is not None  # noqa: S101 - it was opened as a pipe
        async for line in self.process.stdout:
            self.values.append(json.loads(line))


@asynccontextmanager
async def printing(module: str, *arguments: str) -> AsyncIterator[Lines]:
    """Run *module* of this package, which ends with its input; yield what it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"tools.attack.{module}", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    lines = Lines(process)
    reading = asyncio.create_task(lines.read())
    try:
        yield lines
    finally:
        assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:  # the server keeps it waiting
            process.kill()
            await process.wait()
        await reading


class Watchers:
    """Both, beside one server."""

    def __init__(self, probe: Lines, bystander: Lines) -> None:
        self._probe = probe
        self._bystander = bystander

    async def until_answered(self, since: float, *, seconds: float = 60) -> bool:
        """Wait until both bystanders have had an answer to what they asked after *since*.

        Returns whether they had within *seconds*.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            lines = self._bystander.values
            fresh = {line[0].split()[0] for line in lines if line[1] >= since and line[4] is None}
            if fresh >= set(ASKERS):
                return True
            await asyncio.sleep(0.05)
        return False

    async def every_question(self, count: int, *, seconds: float = 60) -> dict[str, str]:
        """Return the first answer to each of *count* questions. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self._first_texts()) < count:  # noqa: ASYNC110 - another process's output
                await asyncio.sleep(0.05)
        return self._first_texts()

    def health(self, since: float, until: float) -> list[float | None]:
        """Return the seconds of all probes that were due between the two times."""
        return [seconds for due, seconds in self._probe.values if since <= due <= until]

    def answers(self, since: float, until: float) -> list[tuple[str, float, str, str | None]]:
        """Return who asked, the seconds, the text and the error of answers in that span."""
        return [
            (who, seconds, text, error)
            for who, began, seconds, text, error in self._bystander.values
            if began + seconds >= since and began <= until
        ]

    def _first_texts(self) -> dict[str, str]:
        return {line[0]: line[3] for line in reversed(self._bystander.values) if line[4] is None}


@asynccontextmanager
async def watching(port: int, configuration: str) -> AsyncIterator[Watchers]:
    """Run both until the block ends."""
    async with (
        printing("probe", str(port)) as probe,
        printing("bystander", str(port), configuration) as bystander,
    ):
        yield Watchers(probe, bystander)
