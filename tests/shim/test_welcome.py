"""The output of a started server: commands to try."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backends.config import BUILTIN, FakeModelConfig, FakeOptions
from backends.fake import FakeChat, FakeEmbedding
from shim.settings import Settings
from shim.welcome import announce, interpreter
from tests.served import models_of

VECTORS = FakeModelConfig(id="vectors", source="embedding")
CHAT = FakeModelConfig(id="chat", source="chat")


def announced(capsys: pytest.CaptureFixture[str], *configs: FakeModelConfig) -> str:
    """Return the output of a server with the models *configs*."""
    kinds = {"chat": FakeChat, "embedding": FakeEmbedding}
    backends = [kinds[config.source](FakeOptions()) for config in configs]
    announce("http://here", Settings(models=configs), models_of(configs, backends))
    return capsys.readouterr().out


def test_the_first_chat_model(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands chat with the first chat model, even after an embedding model."""
    out = announced(capsys, VECTORS, CHAT)

    assert out.startswith("Shim listens on http://here/v1\n")
    assert "curl http://here/v1/chat/completions" in out
    assert '"model": "chat"' in out


def test_no_chat_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a chat model the commands list the models."""
    assert "curl http://here/v1/models\n" in announced(capsys, VECTORS)


def test_real_models_are_offered(capsys: pytest.CaptureFixture[str]) -> None:
    """A server of the toys says in a line how to get real models; no other server does."""
    backends = [FakeChat(FakeOptions()), FakeChat(FakeOptions())]
    announce("http://here", Settings(), models_of(BUILTIN, backends))

    assert "`shim pull small` fetches real models" in capsys.readouterr().out
    assert "shim pull" not in announced(capsys, CHAT)


def test_the_suggestions_run_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The printed Python is the server's own, which has the `openai` package."""
    [line] = [line for line in announced(capsys, CHAT).splitlines() if " -c " in line]
    python = shlex.split(line)[0]

    output = subprocess.check_output(  # noqa: S603
        [python, "-c", "import openai, sys; print(sys.prefix)"], text=True
    )

    assert output.strip() == sys.prefix


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
def test_the_command_for_python(
    executable: str,
    on_path: str | None,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It is a name if the shell finds it, a relative path below here, otherwise a whole path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", executable.format(here=tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: on_path)

    assert interpreter() == shown
