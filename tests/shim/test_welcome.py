"""What a started server suggests to try."""

import pytest

from backends.config import FakeModelConfig, FakeOptions
from backends.fake import FakeChat, FakeEmbedding
from shim.models import Models
from shim.settings import Settings
from shim.welcome import announce

VECTORS = FakeModelConfig(id="vectors", source="embedding")
CHAT = FakeModelConfig(id="chat", source="chat")


def announced(capsys: pytest.CaptureFixture[str], *configs: FakeModelConfig) -> str:
    """Return what is printed of a server with these models."""
    kinds = {"chat": FakeChat, "embedding": FakeEmbedding}
    backends = [kinds[config.source](FakeOptions()) for config in configs]
    announce("http://here", Settings(models=configs), Models(configs, backends))
    return capsys.readouterr().out


def test_the_first_chat_model(capsys: pytest.CaptureFixture[str]) -> None:
    """The first model that chats is asked something; an embedding model before it cannot be."""
    out = announced(capsys, VECTORS, CHAT)

    assert out.startswith("Shim listens on http://here/v1\n")
    assert "curl http://here/v1/chat/completions" in out
    assert '"model": "chat"' in out


def test_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Where none chats, the models are listed."""
    assert "curl http://here/v1/models\n" in announced(capsys, VECTORS)
