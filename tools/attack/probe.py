"""Asks `/health` every 50 ms, in a process of its own, so that no attacker's work delays it.

    python -m tools.attack.probe PORT

Prints a JSON line for each probe: when it was due by the monotonic clock, and the seconds from then
to the right answer, or null without one. A probe that is late counts from when it was due: a stop
of a second is twenty late probes, not one.
"""

import asyncio
import json
import os
import sys
import time
from contextlib import suppress

from tools.attack.wire import exchange, get

PERIOD = 0.05
_NEW_EVERY = 10
"""One probe of ten comes on a new connection."""

_REQUEST = get("/health", key=False)
_KEPT_OPEN = get("/health", key=False, Connection="keep-alive")


class Probe:
    """A connection that is kept, and where to open new ones."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        """Probe until the input ends, or the parent does."""
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        due, count = time.monotonic(), 0
        while not ended.done():
            due += PERIOD
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            right = await (self._new() if count % _NEW_EVERY == 0 else self._again())
            print(json.dumps([due, time.monotonic() - due if right else None]), flush=True)
            count += 1

    async def _new(self) -> bool:
        return (await exchange(self._port, _REQUEST)).outcome == "200"

    async def _again(self) -> bool:
        try:
            async with asyncio.timeout(30):
                if self._kept is None:
                    self._kept = await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = self._kept
                writer.write(_KEPT_OPEN)
                return (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            self._kept = None
            return False


def main() -> None:
    """Probe the port that is given."""
    # That the probe is woken late is not the server's fault. Niceness is not enough: a kernel that
    # schedules by session (`sched_autogroup_enabled`) was seen to leave a process of niceness -10,
    # which slept for 5 ms, asleep for 5.6 s beside a busy engine.
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    asyncio.run(Probe(int(sys.argv[1])).run())


if __name__ == "__main__":
    main()
