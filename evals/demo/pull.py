"""Fetches the real models and recordings with `shim pull`, which keeps what is there already."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from evals.demo.program import SPEECH, TEXT
from evals.failures import EvalsError

PULL = (sys.executable, "-m", "shim", "pull")
RECORDINGS = "recordings"


class NotPulled(EvalsError):
    """Models or recordings that could not be fetched; the message is the first reason."""


async def pull() -> Path:
    """Fetch what is missing; return the manifest of the recordings. Raises NotPulled."""
    await _run([*PULL, SPEECH, TEXT, RECORDINGS])
    return Path(await _run([*PULL, "--path", RECORDINGS])) / "recordings.jsonl"


async def _run(command: Sequence[str]) -> str:
    """Return what *command* writes to stdout. Raises NotPulled if it fails.

    Its stderr, which has the progress and the reasons, is shown on ours as it comes. If this
    coroutine is cancelled, the processes of *command* are ended.
    """
    # Rich draws its progress into a pipe too, if this is set.
    terminal = {"TTY_COMPATIBLE": "1"} if sys.stderr.isatty() else {}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, env=os.environ | terminal, start_new_session=True
    )
    assert process.stdout is not None  # noqa: S101 - both were opened as pipes
    assert process.stderr is not None  # noqa: S101
    try:
        output, shown = await asyncio.gather(process.stdout.read(), _shown(process.stderr))
        code = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
    if code:
        lines = shown.decode(errors="replace").rpartition("Error: ")[2].splitlines()
        raise NotPulled(lines[0] if lines else f"`shim pull` ended with {code}")
    return output.decode().strip()


async def _shown(stream: asyncio.StreamReader) -> bytes:
    """Pass *stream* on to stderr as it comes; return all of it."""
    whole = b""
    while part := await stream.read(4096):
        sys.stderr.buffer.write(part)
        sys.stderr.flush()
        whole += part
    return whole
