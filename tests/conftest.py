"""Servers that many tests share."""

from collections.abc import Iterator

import pytest

from tests.live import KEY, LiveServer, serving, skip_without_vllm, vllm_config


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """Serve the built-in models, with a key."""
    with serving("--api-key", KEY) as live:
        yield live


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the tests' chat model through vLLM, with a key."""
    skip_without_vllm()
    with serving("--config", str(vllm_config(tmp_path_factory.mktemp("vllm")))) as live:
        yield live
