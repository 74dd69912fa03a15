"""Starts a server for the time of an evaluation, and always stops it."""

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from evals.failures import ServerDied

T = TypeVar("T")

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/v1")
"""The base URL that the server prints when it has started."""
LINES_KEPT = 60
"""Lines of the server's last output that are kept for a message."""
STOP_SECONDS = 10.0
"""Seconds between SIGTERM and SIGKILL."""


class Server:
    """A child process. Its output is always read, so that it never waits for a full pipe."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.tail: deque[str] = deque(maxlen=LINES_KEPT)
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Read the output to its end; keep its last lines, and find the address in it."""
        assert self.process.stdout is not None  # noqa: S101 - it was opened as a pipe
        async for line in self.process.stdout:
            text = line.decode(errors="replace").rstrip()
            self.tail.append(text)
            address = ADDRESS.search(text)
            if address and not self._address.done():
                self._address.set_result(address[0])

    async def base_url(self, seconds: float) -> str:
        """Return the address that the server prints; raise ServerDied if it prints none in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self.during(_result(self._address))
        except TimeoutError as error:
            raise ServerDied(self._message(f"printed no address in {seconds:g} s")) from error

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what *work* returns; raise ServerDied at once if the server ends before it."""
        task = asyncio.ensure_future(work)
        end = asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            await asyncio.wait({self._reading}, timeout=1)
            raise ServerDied(self._message(f"ended with code {end.result()}"))
        finally:
            task.cancel()
            end.cancel()
            await asyncio.gather(task, end, return_exceptions=True)

    async def stop(self) -> None:
        """Send SIGTERM; when the server has ended, or after 10 s, SIGKILL to its process group."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    def _message(self, event: str) -> str:
        """Return a message of what happened to the server, with the last lines of its output."""
        return "\n".join([f"the server {event}; its last output:", *self.tail])


async def _result(future: asyncio.Future[T]) -> T:
    return await future


@asynccontextmanager
async def serving(
    command: Sequence[str], environment: Mapping[str, str] = os.environ
) -> AsyncIterator[Server]:
    """Start *command*, yield its Server, and stop it when the block ends.

    It gets a process group of its own, so that Ctrl-C only reaches this process, which stops it.
    Raises ServerDied if it cannot start.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            limit=2**20,
            start_new_session=True,
        )
    except OSError as error:
        raise ServerDied(f"the server did not start: {command[0]}: {error.strerror}") from error
    server = Server(process)
    try:
        yield server
    finally:
        await server.stop()
