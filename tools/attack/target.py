"""The server under attack: a process of its own with a limit on memory, and its log."""

import asyncio
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tools.attack.attack import Configuration
from tools.attack.memory import megabytes
from tools.attack.wire import KEY

ROOT = Path(__file__).parents[2]
LIMIT = 4 << 30
"""Bytes of memory: of address space, which the kernel bounds, where the configuration bears it."""

_SERVER = f"""[server]
api_keys = ["{KEY}"]
"""
# Short, so that an attack need not wait long to see a limit work.
_FAKES = """
[server.limits]
head_seconds = 2.0
idle_seconds = 3.0
body_seconds = 2.0
write_seconds = 3.0

[[models]]
id = "echo"
backend = "fake"
source = "chat"
options = { seconds_per_item = 0.01 }

[[models]]
id = "long"
backend = "fake"
source = "chat"
options = { seconds_per_item = 0.005, max_model_len = 4000000 }

[[models]]
id = "narrow"
backend = "fake"
source = "chat"
max_running = 1
max_waiting = 4
options = { seconds_per_item = 0.05 }

[[models]]
id = "lines"
backend = "fake"
source = "speech"

[[models]]
id = "vectors"
backend = "fake"
source = "embedding"
"""
_VLLM = f"""
[[models]]
id = "gpt-4o-mini"
backend = "vllm"
source = "{ROOT / "tests" / "models" / "chat-hf"}"
[models.options]
dtype = "float32"
enforce_eager = true
max_num_seqs = 16
kv_cache_memory_bytes = {1 << 28}
"""
CONFIGURATIONS: dict[Configuration, str] = {
    "builtin": _SERVER,
    "fakes": _SERVER + _FAKES,
    "keyless": _FAKES.replace("head_seconds", "connections = 500\nhead_seconds", 1),
    "vllm": _SERVER + _VLLM,
}
_STARTING = {"vllm": 240.0}
_UNBOUNDED = frozenset({"vllm"})
"""Configurations that reserve far more address space than they use: what they hold is watched."""


class Target:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.port = 0
        self._log = log

    @property
    def pid(self) -> int:
        """The server's own process; engines may be below it."""
        return self.process.pid

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self.process.poll() is None

    def log(self, start: int = 0) -> str:
        """Return what it has written since *start*, in bytes."""
        with self._log.open("rb") as file:
            file.seek(start)
            return file.read().decode(errors="replace")

    def log_bytes(self) -> int:
        """Return how much it has written."""
        return self._log.stat().st_size

    async def listen(self, seconds: float) -> None:
        """Wait until it prints its port. Raises RuntimeError if it ends or takes longer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.alive():
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", self.log()):
                self.port = int(found[1])
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.log()[-2000:]}")


@contextmanager
def started(config: str, *, limit: int | None = LIMIT, port: int = 0) -> Iterator[Target]:
    """Run `shim serve` with *config* in a process group of its own; end all of it in the end.

    Without models in *config* it serves the toys, and not what was pulled here. *limit*: bytes of
    address space. *port*: 0 for any that is free.
    """

    def bound() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    clean = {name: value for name, value in os.environ.items() if not name.startswith("SHIM_")}
    with tempfile.TemporaryDirectory(prefix="shim-attack-") as folder:
        file, log = Path(folder) / "shim.toml", Path(folder) / "log"
        file.write_text(config)
        command = [sys.executable, "-m", "shim", "serve", "--port", str(port)]
        command += ["--log-level", "info"]
        if "[[models]]" not in config:
            command.append("toys")
        with log.open("wb") as output:
            running = subprocess.Popen(  # noqa: S603
                [*command, "--config", str(file)],
                stdout=output,
                stderr=output,
                env=clean | {"PYTHONUNBUFFERED": "1"},
                cwd=ROOT,
                start_new_session=True,
                preexec_fn=bound,  # noqa: PLW1509 - this process has no other threads then
            )
        try:
            yield Target(running, log)
        finally:
            _stop(running)


def _stop(running: subprocess.Popen[bytes]) -> None:
    running.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        running.wait(10)
    with suppress(ProcessLookupError):  # what it started itself may be left
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


@asynccontextmanager
async def serving(configuration: Configuration) -> AsyncIterator[Target]:
    """Start a server and wait for it; it is killed if it comes to hold more than the limit."""
    limit = None if configuration in _UNBOUNDED else LIMIT
    with started(CONFIGURATIONS[configuration], limit=limit) as target:
        await target.listen(_STARTING.get(configuration, 30.0))
        guard = asyncio.create_task(_guard(target))
        try:
            yield target
        finally:
            guard.cancel()


async def _guard(target: Target) -> None:
    """Kill the server when it holds more than the limit, before the machine suffers."""
    while target.alive():
        if megabytes(target.pid) * 1e6 > LIMIT:
            os.killpg(target.pid, signal.SIGKILL)
        await asyncio.sleep(0.1)
