"""What the short runs ask."""

from collections.abc import Iterator

import pytest

from tests.live import LiveServer, skip_without_vllm

from .json_bodies import FAKE_VECTORS, serving_chats
from .openapi import HEARING


@pytest.fixture(scope="package")
def everything() -> Iterator[LiveServer]:
    """Serve chat models, one for speech, and what looks like one for embeddings."""
    skip_without_vllm()
    with serving_chats(FAKE_VECTORS, HEARING) as live:
        yield live
