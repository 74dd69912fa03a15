"""What a started server suggests to try."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backends.config import FakeModelConfig, FakeOptions
from backends.fake import FakeChat, FakeEmbedding
from shim.serving.models import Models
from shim.settings import Settings
from shim.welcome import announce, interpreter

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


def test_the_suggestions_run_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The Python that is printed is the one that serves, which has the `openai` package."""
    [line] = [line for line in announced(capsys, CHAT).splitlines() if " -c " in line]
    python = shlex.split(line)[0]

    told = subprocess.check_output(  # noqa: S603
        [python, "-c", "import openai, sys; print(sys.prefix)"], text=True
    )

    assert told.strip() == sys.prefix


@pytest.mark.parametrize(
    ("executable", "on_path", "shown"),
    [
        ("{here}/.venv/bin/python", None, ".venv/bin/python"),
        ("/opt/other/bin/python3", None, "/opt/other/bin/python3"),
        ("/opt/with space/python", None, "'/opt/with space/python'"),
        ("/opt/shim/bin/python3", "/opt/shim/bin/python", "python"),
        ("/opt/shim/bin/python3", "/usr/bin/python", "/opt/shim/bin/python3"),
    ],
)
def test_how_this_python_is_written(
    executable: str,
    on_path: str | None,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """By its name where the shell finds it, relative to here where it is below, else in full."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", executable.format(here=tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: on_path)

    assert interpreter() == shown
