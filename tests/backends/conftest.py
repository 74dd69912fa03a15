"""Every backend, opened once for all the tests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from backends.base import Backend
from tests.backends.opener import VLLM_EMBEDDING, Opener


@pytest_asyncio.fixture(scope="session")
async def opener() -> AsyncIterator[Opener]:
    """Return an opener, which opens each backend once."""
    async with AsyncExitStack() as stack:
        yield Opener(stack)


@pytest_asyncio.fixture(params=["ct2", "vllm", "fake-chat"])
async def chat(request: pytest.FixtureRequest, opener: Opener) -> Backend:
    """Every chat backend in turn."""
    return await opener.open(request.param)


@pytest_asyncio.fixture(params=[VLLM_EMBEDDING, "fake-embedding"])
async def embedding(request: pytest.FixtureRequest, opener: Opener) -> Backend:
    """Every embedding backend in turn."""
    return await opener.open(request.param)


@pytest_asyncio.fixture(params=["whisper", "fake-speech"])
async def speech(request: pytest.FixtureRequest, opener: Opener) -> Backend:
    """Every speech backend in turn."""
    return await opener.open(request.param)
