"""A short run of the fuzzer; `tests/fuzz/json_bodies.py` says how to make it long."""

from collections.abc import Iterator

import pytest

from tests.live import LiveServer, skip_without_vllm

from .json_bodies import FAKE_VECTORS, cases, probes, serving_chats
from .sending import fuzz


@pytest.fixture
def chats() -> Iterator[LiveServer]:
    """Serve chat models, and what looks like one for embeddings."""
    skip_without_vllm()
    with serving_chats(FAKE_VECTORS) as live:
        yield live


async def test_mutated_bodies(chats: LiveServer) -> None:
    """No body makes the server fail, hang or die, and some are answered."""
    seen, wrong = await fuzz(chats, cases(20261125, 300), probes())

    assert wrong == []
    assert seen[200] > 40
    assert seen[400] > 100
