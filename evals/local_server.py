"""A server started here for the length of an evaluation, and always stopped."""

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
LINES_KEPT = 60
STOP_SECONDS = 10.0


class Server:
    """A child process whose output is read all the time, so that it never waits for us."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.tail: deque[str] = deque(maxlen=LINES_KEPT)
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Keep the last lines, and find the address among them."""
        assert self.process.stdout is not None  # noqa: S101 - it was opened as a pipe
        async for line in self.process.stdout:
            text = line.decode(errors="replace").rstrip()
            self.tail.append(text)
            found = ADDRESS.search(text)
            if found and not self._address.done():
                self._address.set_result(found[0])

    async def base_url(self, seconds: float) -> str:
        """Return the address that the server prints. Raises ServerDied, also if it prints none."""
        try:
            async with asyncio.timeout(seconds):
                return await self.during(_result(self._address))
        except TimeoutError as error:
            raise ServerDied(self.last_words(f"printed no address in {seconds:g} s")) from error

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Await *work*; raise ServerDied at once if the server ends before it."""
        task = asyncio.ensure_future(work)
        end = asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            await asyncio.wait({self._reading}, timeout=1)
            raise ServerDied(self.last_words(f"ended with code {end.result()}"))
        finally:
            task.cancel()
            end.cancel()
            await asyncio.gather(task, end, return_exceptions=True)

    async def stop(self) -> None:
        """Ask with SIGTERM; after 10 s, or for children left behind, SIGKILL to the whole group."""
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

    def last_words(self, fate: str) -> str:
        """Return *fate* and the output that came before it."""
        return "\n".join([f"the server {fate}; it said last:", *self.tail])


async def _result(future: asyncio.Future[T]) -> T:
    return await future


@asynccontextmanager
async def serving(
    command: Sequence[str], environment: Mapping[str, str] = os.environ
) -> AsyncIterator[Server]:
    """Start *command*; stop it in the end, whatever happens. Raises ServerDied if it cannot start.

    It gets a process group of its own: Ctrl-C comes to us, and the server is stopped in order.
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
