"""Servers that many tests share."""

from collections.abc import Iterator

import pytest

from tests.live import KEY, LiveServer, serving


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """Serve the built-in models, with a key."""
    with serving("--api-key", KEY) as live:
        yield live
