"""Live servers and the clients that ask them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.client.stock import KINDS, answered, connect
from tests.live import BUILTIN, KEY, LiveServer, serving

OTHER_KEY = "sk-other"

FAKES = f"""
[server]
api_keys = ["{KEY}"]
[server.limits]
body_bytes = 65536

[[models]]
id = "org/echo"
backend = "fake"
source = "chat"
aliases = ["echo", "team/a/echo"]

[[models]]
id = "one"
backend = "fake"
source = "chat"
max_running = 1
max_waiting = 0
options = {{ seconds_per_item = 0.1, max_model_len = 2000 }}

[[models]]
id = "dead"
backend = "fake"
source = "chat"
options = {{ dead = true }}

[[models]]
id = "dies"
backend = "fake"
source = "chat"
options = {{ fail_after = 2 }}

[[models]]
id = "lines"
backend = "fake"
source = "speech"

[[models]]
id = "one-line"
backend = "fake"
source = "speech"
max_running = 1
max_waiting = 0
options = {{ seconds_per_item = 0.1 }}

[[models]]
id = "dead-speech"
backend = "fake"
source = "speech"
options = {{ dead = true }}

[[models]]
id = "dying-speech"
backend = "fake"
source = "speech"
options = {{ fail_after = 2 }}

[[models]]
id = "vectors"
backend = "fake"
source = "embedding"

[[models]]
id = "one-vector"
backend = "fake"
source = "embedding"
max_running = 1
max_waiting = 0
options = {{ seconds_per_item = 60, max_model_len = 10 }}

[[models]]
id = "dead-vectors"
backend = "fake"
source = "embedding"
options = {{ dead = true }}
"""
"""Echoes, one of them with a single slot, and engines that fail."""


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve deterministic models and their failures, with a key."""
    file = tmp_path_factory.mktemp("fakes") / "shim.toml"
    file.write_text(FAKES)
    with serving("--config", str(file)) as live:
        yield live


@pytest.fixture(scope="session", params=KINDS)
async def client(request: pytest.FixtureRequest, fakes: LiveServer) -> AsyncIterator[Any]:
    """Connect the stock client, each kind in turn, to the fakes."""
    client = connect(request.param, fakes)
    yield client
    await answered(client.close())


@pytest.fixture(scope="session", params=KINDS)
async def builtin(request: pytest.FixtureRequest, server: LiveServer) -> AsyncIterator[Any]:
    """Connect the stock client, each kind in turn, to the built-in models."""
    client = connect(request.param, server)
    yield client
    await answered(client.close())


@pytest.fixture(scope="session", params=KINDS)
async def engine(request: pytest.FixtureRequest, vllm_server: LiveServer) -> AsyncIterator[Any]:
    """Connect the stock client, each kind in turn, to a model in vLLM."""
    client = connect(request.param, vllm_server)
    yield client
    await answered(client.close())


@pytest.fixture(scope="session")
async def http(fakes: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Send bytes of our own to the fakes."""
    async with _http(fakes) as client:
        yield client


@pytest.fixture(scope="session")
async def builtin_http(server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Send bytes of our own to the built-in models."""
    async with _http(server) as client:
        yield client


@pytest.fixture(scope="session")
def exact_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the built-in speech model in single precision.

    Its times are then the same on every processor: products of int8 are not, and a tie of two
    times falls here or there.
    """
    config = tmp_path_factory.mktemp("exact") / "shim.toml"
    config.write_text(
        f'[server]\napi_keys = ["{KEY}"]\n[[models]]\nid = "toy-speech"\nbackend = "whisper"\n'
        f'source = "{BUILTIN / "speech"}"\n[models.options]\ncompute_type = "float32"\n'
    )
    with serving("--config", str(config)) as live:
        yield live


KEEPING = f"""
[server]
api_keys = ["{KEY}"]
[[server.keys]]
name = "other"
key = "{OTHER_KEY}"
models = ["echo"]

[[models]]
id = "toy-chat"
backend = "ct2"
source = "{BUILTIN / "chat"}"

[[models]]
id = "echo"
backend = "fake"
source = "chat"

[[models]]
id = "slow"
backend = "fake"
source = "chat"
options = {{ seconds_per_item = 0.1 }}

[[models]]
id = "dies"
backend = "fake"
source = "chat"
options = {{ fail_after = 2, fail_first = 1 }}

[[models]]
id = "speech"
backend = "whisper"
source = "{BUILTIN / "speech"}"

[[models]]
id = "greedy"
backend = "whisper"
source = "{BUILTIN / "speech"}"
options = {{ decoding = {{ temperatures = [0.0] }} }}

[[models]]
id = "vectors"
backend = "fake"
source = "embedding"
"""
"""The built-in models and fakes, one of which only the other key may use too."""


class Keeping(NamedTuple):
    """A server that records, and has a cache of answers."""

    server: LiveServer
    recording: Path
    cache: Path


@pytest.fixture(scope="session")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    """Serve with a recording and a cache."""
    folder = tmp_path_factory.mktemp("keeping")
    config, recording, cache = folder / "shim.toml", folder / "recording", folder / "cache"
    config.write_text(KEEPING)
    with serving(
        "--config", str(config), "--record", str(recording), "--cache", str(cache)
    ) as live:
        yield Keeping(live, recording, cache)


@pytest.fixture
async def exact_http(exact_server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """Send bytes of our own to the model that is the same everywhere."""
    async with _http(exact_server) as client:
        yield client


def _http(server: LiveServer) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.AsyncClient(base_url=server.base_url, headers=headers, timeout=60)
