"""A server for the length of a benchmark, on a free port, its output in a file."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 300.0
PR_SET_PDEATHSIG = 1
"""The option of prctl(2) for the signal at the parent's death (Linux)."""


class Server:
    """A server that is starting, or runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self._process = process
        self._address = ("127.0.0.1", port)
        self._log = log
        self.url = f"http://127.0.0.1:{port}"
        """The base URL without `/v1`."""

    @property
    def pid(self) -> int:
        """The id of the process that runs the HTTP server."""
        return self._process.pid

    def wait(self) -> None:
        """Wait until it listens, its models open. Raises RuntimeError, with the output, if not."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(self._address).close()
            except ConnectionRefusedError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"{self._process.args!r} did not start:\n{self._log.read_text()}")


@contextmanager
def starting(
    log: Path,
    module: str,
    *arguments: str,
    folder: Path | None = None,
    python: str | Path = sys.executable,
    **environment: str,
) -> Iterator[Server]:
    """Run `python -m MODULE ARGUMENTS --port …`, of the checkout *folder*, until the block ends.

    *environment* is added to this process's own.
    """
    port = _free_port()
    command = [python, "-m", module, *arguments, "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603  our own
            command,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=os.environ | ({"PYTHONPATH": str(folder)} if folder else {}) | environment,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  there are no threads yet
        )
    try:
        yield Server(process, port, log)
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def serving(config: Path) -> Iterator[Server]:
    """Have `shim serve` serve *config* until the block ends. Raises RuntimeError if it fails."""
    log = config.with_suffix(".log")
    with starting(log, "shim", "serve", "--config", str(config)) as server:
        server.wait()
        yield server


def _end_with_parent() -> None:
    """Have the kernel end this process when a benchmark is killed before it can."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
