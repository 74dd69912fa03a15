"""`shim serve` for the length of a benchmark, on a free port, its output in a file."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120.0
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    url: str
    """Without `/v1`."""


@contextmanager
def serving(config: Path) -> Iterator[Server]:
    """Serve *config* until the block ends. Raises RuntimeError, with the output, if it fails."""
    output = config.with_suffix(".log")
    command = [sys.executable, "-m", "shim", "serve", "--port", "0", "--config", str(config)]
    with output.open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  our own
    try:
        yield Server(process.pid, _address(process, output))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _address(process: "subprocess.Popen[bytes]", output: Path) -> str:
    """Wait for the line that comes once the models are open."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := ADDRESS.search(output.read_text()):
            return found.group()
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} did not start:\n{output.read_text()}")
