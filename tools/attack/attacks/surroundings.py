"""What is around the server: a log that nobody reads."""

import asyncio
import subprocess
import sys

from tools.attack.attack import attack
from tools.attack.attacker import Attacker
from tools.attack.target import ROOT
from tools.attack.wire import exchange, get


@attack("held", "fakes", 200)
async def unread_log(attacker: Attacker) -> None:
    """Ask 3,000 times while nobody reads the log, whose pipe holds 64 KB; all are answered."""
    command = [sys.executable, "-m", "shim", "serve", "--port", "0", "--log-level", "info"]
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - asyncio's would read the pipe
        [*command, "--model", "echo=fake:chat"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    try:
        line = await asyncio.to_thread(process.stdout.readline)
        port = int(line.split(b":")[2].split(b"/")[0])
        attacker.begin()
        for _ in range(150):
            asked = (exchange(port, get("/ready", key=False), seconds=10) for _ in range(20))
            for answer in await asyncio.gather(*asked):
                attacker.note(answer)
            if attacker.seen.outcomes["timeout"]:
                return
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
