"""The weights that engines are compared with."""

import pytest

from tests.live import MODELS
from tests.weights import Weights


@pytest.fixture(scope="session")
def offline() -> Weights:
    """Load the chat model's weights once for all tests."""
    return Weights(MODELS / "chat-hf")
