"""One cluster for all tests, and a server that has its models there."""

import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.client.stock import connect
from tests.cluster.nodes import ENVIRONMENT, replicas
from tests.live import KEY, PYTHON, REPLICATED, ROOT, LiveServer, serving, skip_without

SLEEPER = """
[[models]]
id = "sleeper"
backend = "fake"
source = "chat"
max_running = 100
options = {{ seconds_per_item = 0.05, log_file = "{log}" }}
[models.cluster]
replicas = 2
resources = {{ "slot-c" = 1 }}
"""
"""A model that only waits: 50 ms for each word that it repeats."""


class Nodes(NamedTuple):
    """A running cluster."""

    address: str
    raylets: list[int]
    """The process of each node that has replicas."""

    def replicas(self, model: str) -> list[psutil.Process]:
        """Return the processes with a replica of *model*, in the order of their nodes."""
        return replicas(self.raylets, model)


class Replicated(NamedTuple):
    """A server whose models are in the cluster."""

    server: LiveServer
    log: Path
    """The log of the computations of `sleeper`."""


@contextmanager
def cluster() -> Iterator[Nodes]:
    """Run a cluster of a head and two nodes until the block ends."""
    process = subprocess.Popen(  # noqa: S603
        [PYTHON, "-m", "tests.cluster.nodes"],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        yield Nodes(**json.loads(line))
    finally:
        process.communicate(timeout=60)  # the end of its input is the end of the cluster


@contextmanager
def serving_there(nodes: Nodes, folder: Path, models: str = "") -> Iterator[Replicated]:
    """Serve `sleeper` and *models* in the cluster until the block ends; *folder* gets the files."""
    config, log = folder / "shim.toml", folder / "computed"
    log.touch()
    config.write_text(f'[server]\napi_keys = ["{KEY}"]\n{models}{SLEEPER.format(log=log)}')
    with serving("--config", str(config), "--cluster", nodes.address, **ENVIRONMENT) as live:
        yield Replicated(live, log)


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    """Run a cluster of a head and two nodes."""
    skip_without("ray", "Ray")
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def replicated(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicated]:
    """Serve the built-in models, and `sleeper`, with a replica of each on each node."""
    folder = tmp_path_factory.mktemp("cluster")
    with serving_there(nodes, folder, REPLICATED) as served:
        yield served


@pytest.fixture(scope="session")
async def there(replicated: Replicated) -> AsyncIterator[Any]:
    """Connect the stock client to the models in the cluster."""
    async with connect("async", replicated.server) as client:
        yield client


@pytest.fixture(scope="session")
async def here(server: LiveServer) -> AsyncIterator[Any]:
    """Connect the stock client to the same models in one process."""
    async with connect("async", server) as client:
        yield client
