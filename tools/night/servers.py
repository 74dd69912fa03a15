"""The servers of a night: some with fake engines, and one that passes requests on to them."""

import asyncio
import re
import signal
import socket
import sys
from pathlib import Path

START_SECONDS = 60.0

BEHIND = """
[[models]]
id = "chat"
backend = "fake"
source = "chat"
max_running = 256
options = {{ seconds_per_item = {seconds}, log_file = "{log}" }}

[[models]]
id = "speech"
backend = "fake"
source = "speech"
max_running = 256
options = {{ seconds_per_item = {seconds}, log_file = "{log}" }}
"""

FRONT = """
[[models]]
id = "{model}"
backend = "remote"
upstreams = [{upstreams}]
options = {{ {options} }}
"""


class Server:
    """A `shim serve` that always has the same port; it can end and be started again."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.port = _free_port()
        self.log = folder / f"{name}.log"
        self._config = folder / f"{name}.toml"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The base URL, as clients have it."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self, config: str) -> None:
        """Serve the models of *config*; return when the server listens."""
        self._config.write_text(config)
        with self.log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "shim", "serve", "--config", str(self._config)),
                *("--port", str(self.port), "--log-level", "info", "--log-format", "json"),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None  # noqa: S101  it was opened as a pipe
        async with asyncio.timeout(START_SECONDS):
            async for line in self._process.stdout:
                if re.search(rb"http://127\.0\.0\.1:\d+", line):
                    return
        raise RuntimeError(f"{self.name} ended with {await self._process.wait()}: see {self.log}")

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self._process is not None  # noqa: S101  to be called after `start`
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for the end of the process; return its exit code."""
        assert self._process is not None  # noqa: S101  to be called after `start`
        return await self._process.wait()

    async def stop(self) -> None:
        """End the process if it runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            await self._process.wait()


class Behind(Server):
    """A server with fake engines. Each start of it has a log of computations of its own."""

    def __init__(self, folder: Path, name: str, seconds_per_item: float) -> None:
        super().__init__(folder, name)
        self._folder = folder
        self._seconds = seconds_per_item
        self.lives: list[Life] = []

    async def live(self) -> None:
        """Start the server."""
        life = Life(self.name, self._folder / f"{self.name}-{len(self.lives) + 1}.computations")
        self.lives.append(life)
        await self.start(BEHIND.format(seconds=self._seconds, log=life.computations))

    async def kill(self) -> None:
        """End it by SIGKILL."""
        self.lives[-1].faults.append("killed")
        self.send(signal.SIGKILL)
        await self.ended()

    def hang(self) -> None:
        """Stop it by SIGSTOP: it accepts connections, and answers nothing, until `resume`."""
        self.lives[-1].faults.append("hung")
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again."""
        self.send(signal.SIGCONT)

    async def redeploy(self) -> int:
        """End it by SIGTERM, and start it again when it has ended; return its exit code."""
        self.send(signal.SIGTERM)
        code = await self.ended()
        await self.live()
        return code


class Life:
    """A server from its start to its end."""

    def __init__(self, server: str, computations: Path) -> None:
        self.server = server
        self.computations = computations
        """A file with a line for each beginning and each end of a computation."""
        self.faults: list[str] = []
        """What was done to it by which it can lose computations."""

    def events(self) -> list[tuple[str, str]]:
        """Return pairs of `begin`, `end` or `left`, and the digest of a sample."""
        if not self.computations.exists():
            return []
        lines = self.computations.read_text().splitlines()
        return [(event, digest) for event, digest in map(str.split, lines)]


def front(servers: list[Behind], **options: object) -> str:
    """Return the configuration of the server in front of *servers*, with *options* of its pools."""
    upstreams = ", ".join(f'{{ url = "{server.url}" }}' for server in servers)
    given = ", ".join(f"{name} = {value}" for name, value in options.items())
    models = ("chat", "speech")
    return "".join(FRONT.format(model=each, upstreams=upstreams, options=given) for each in models)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
