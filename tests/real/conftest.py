"""Real models behind live servers: one without vLLM, one with it."""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.client.stock import connect
from tests.live import KEY, VLLM_OPTIONS, LiveServer, as_toml, serving, skip_without_vllm
from tests.real.pulled import BASE, MINILM, NAMES, SMOLLM, TINY, missing
from tests.weights import Weights

SPEECH = """
[[models]]
id = "{path.name}"
backend = "whisper"
source = "{path}"
[models.options]
device = "cpu"
compute_type = "float32"
cpu_threads = 1
num_workers = 2
"""
CHAT = f"""
[[models]]
id = "gpt-4o-mini"
backend = "ct2"
source = "{SMOLLM / "ct2-float32"}"
[models.options]
intra_threads = 1
inter_threads = 2
"""
VLLM = f"""
[[models]]
id = "gpt-4o-mini"
backend = "vllm"
source = "{SMOLLM / "hf"}"
[models.options]
{as_toml({**VLLM_OPTIONS, "max_model_len": 1024, "tool_call_parser": "hermes"})}
[[models]]
id = "text-embedding-3-small"
backend = "vllm"
source = "{MINILM}"
[models.options]
{as_toml({**VLLM_OPTIONS, "runner": "pooling", "convert": "embed"})}
"""


def pytest_runtest_setup() -> None:
    """Skip each test of this folder where a model is missing; in CI that is a failure.

    A hook, and no fixture: the skips are then reported in one line.
    """
    if lacking := missing():
        reason = (
            f"{', '.join(lacking)} NOT PULLED: NO TEST ON REAL MODELS RAN. "
            f"First: .venv/bin/shim pull {' '.join(NAMES)}"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve two sizes of Whisper, and SmolLM2 through CTranslate2."""
    speech = "".join(SPEECH.format(path=path) for path in (TINY, BASE))
    yield from _serving(tmp_path_factory, speech + CHAT)


@pytest.fixture(scope="session")
def real_vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve SmolLM2 and MiniLM through vLLM."""
    skip_without_vllm()
    yield from _serving(tmp_path_factory, VLLM)


@pytest.fixture(scope="session")
def weights() -> Weights:
    """Load SmolLM2 into transformers."""
    return Weights(SMOLLM / "hf")


@pytest.fixture(scope="session")
async def client(real_server: LiveServer) -> AsyncIterator[AsyncOpenAI]:
    """Connect the stock client to the server without vLLM."""
    async with _stock(real_server) as stock:
        yield stock


@pytest.fixture(scope="session")
async def vllm_client(real_vllm: LiveServer) -> AsyncIterator[AsyncOpenAI]:
    """Connect the stock client to vLLM."""
    async with _stock(real_vllm) as stock:
        yield stock


def _serving(tmp_path_factory: pytest.TempPathFactory, models: str) -> Iterator[LiveServer]:
    config = tmp_path_factory.mktemp("real") / "shim.toml"
    config.write_text(f'[server]\napi_keys = ["{KEY}"]\n{models}')
    with serving("--config", str(config)) as live:
        yield live


def _stock(server: LiveServer) -> Any:
    return connect("async", server, timeout=300)
