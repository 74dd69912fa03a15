"""A model without room for all its replicas: what its server says, and who can join it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.backends.faults import until
from tests.client.stock import connect, says
from tests.cluster.conftest import Nodes
from tests.cluster.nodes import CPUS, ENVIRONMENT
from tests.live import KEY, PYTHON, ROOT, serving

# A node has room for one of them.
CONFIG = f"""
[server]
port = 0
api_keys = ["{KEY}"]
[[models]]
id = "wide"
backend = "fake"
source = "chat"
[models.cluster]
replicas = 3
num_cpus = {CPUS * 2 // 3}
"""


@contextmanager
def starting(log: Path, *arguments: str) -> Iterator[None]:
    """Run a server that need not get ready until the block ends; *log* gets what it prints."""
    with log.open("w") as out:
        process = subprocess.Popen(  # noqa: S603
            [PYTHON, "-m", "shim", "serve", *arguments],
            env=os.environ | ENVIRONMENT,
            stdout=out,
            stderr=out,
            cwd=ROOT,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


async def test_joining(nodes: Nodes, tmp_path: Path) -> None:
    """A server that waits for room says so; one that joins uses the replicas that there are."""
    config, log = tmp_path / "shim.toml", tmp_path / "log"
    config.write_text(CONFIG)
    arguments = ("--config", str(config), "--cluster", nodes.address)

    with starting(log, *arguments):
        await until(lambda: "wide is not open yet: 2 running, 1 starting" in log.read_text())
        with serving(*arguments, **ENVIRONMENT) as joined:
            async with connect("async", joined) as client:
                answer = await client.chat.completions.create(model="wide", messages=says("a b"))

    assert answer.choices[0].message.content == "a b"
