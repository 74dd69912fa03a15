"""Servers that many tests share."""

import gc
from collections.abc import Iterator

import pytest

from tests.live import (
    CLUSTER,
    FAKE_VECTORS,
    KEY,
    REPLICATED,
    TOY_CHAT,
    TOY_SPEECH,
    LiveServer,
    serving,
    skip_without_vllm,
    vllm_config,
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the tests that end a server of others behind all of them."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the built-in models, with a key, and batches; in a cluster, two replicas of each."""
    batches = str(tmp_path_factory.mktemp("batches"))
    arguments = ["--api-key", KEY]
    if CLUSTER is not None:
        config = tmp_path_factory.mktemp("replicated") / "shim.toml"
        config.write_text(REPLICATED)
        arguments += ["--config", str(config)]
    with serving(*arguments, SHIM_BATCHES_DIRECTORY=batches) as live:
        yield live


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the tests' chat model through vLLM, with a key, batches, and small models beside it."""
    skip_without_vllm()
    folder = tmp_path_factory.mktemp("vllm")
    config = vllm_config(folder, TOY_CHAT, TOY_SPEECH, FAKE_VECTORS)
    batches = str(folder / "batches")
    with serving("--config", str(config), SHIM_BATCHES_DIRECTORY=batches) as live:
        yield live


@pytest.fixture(scope="module")
def frozen_garbage() -> Iterator[None]:
    """Keep the garbage collector off what is imported: faster-whisper collects for each recording.

    A collection over what vLLM and torch load takes a third of a second.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
