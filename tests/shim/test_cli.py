"""The command line: what it prints, and how it ends."""

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shim import __version__
from shim.cli import main
from shim.document import document
from shim.settings import ServerSettings

ECHO = """
[server]
port = 1234
api_keys = ["secret"]
[[models]]
id = "org/echo"
aliases = ["gpt-4o"]
backend = "fake"
source = "chat"
"""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("SHIM_CONFIG", "SHIM_HOST", "SHIM_PORT", "SHIM_API_KEYS"):
        monkeypatch.delenv(name, raising=False)
    yield
    logging.getLogger("backends").setLevel(logging.NOTSET)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a configuration."""
    path = tmp_path / "shim.toml"
    path.write_text(ECHO)
    return path


def shim(*arguments: str | Path) -> Result:
    """Run the command line."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_check(file: Path) -> None:
    """`check` says what would be served, where, and how many keys there are, but not which."""
    done = shim("check", "--config", file)

    assert done.exit_code == 0
    assert "http://127.0.0.1:1234/v1, 1 keys" in done.output
    assert "org/echo" in done.output
    assert "gpt-4o" in done.output
    assert "secret" not in done.output


def test_check_nothing() -> None:
    """With nothing configured the built-in models would be served."""
    done = shim("check")

    assert done.exit_code == 0
    assert "toy-speech" in done.output
    assert "toy-chat" in done.output


def test_check_flags(file: Path) -> None:
    """Flags stand over the file."""
    done = shim("check", "--config", file, "--port", "99", "--model", "a=ct2:b")

    assert "http://127.0.0.1:99/v1" in done.output
    assert "org/echo" not in done.output


def test_the_file_may_be_named_by_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SHIM_CONFIG` names the file."""
    monkeypatch.setenv("SHIM_CONFIG", str(file))

    assert "org/echo" in shim("check").output


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--port", "70000"], "Expected int <= 65535 - at $.server.port"),
        (["--host", "0.0.0.0"], "without a key lets anyone in"),  # noqa: S104
        (["--model", "a"], "Expected ID=BACKEND:SOURCE, got 'a' - at --model"),
        (["--model", "a=gpu:b"], "Invalid value 'gpu' - at $.models[0].backend"),
        (["--config", "/no/such.toml"], "/no/such.toml: No such file or directory"),
        (["--api-key", "two words"], "at $.server.api_keys[0]"),
    ],
)
def test_a_wrong_setting(command: str, arguments: list[str], fault: str) -> None:
    """Either command ends with a line that names the fault, and no traceback."""
    done = shim(command, *arguments)

    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert fault in done.output
    assert isinstance(done.exception, SystemExit)


@pytest.fixture
def taken() -> Iterator[int]:
    """Listen on a port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_port_that_is_taken(taken: int) -> None:
    """A port that is taken is refused before any model is opened."""
    done = shim("serve", "--port", str(taken))

    assert done.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{taken}" in done.output


def test_a_model_that_cannot_be_opened(tmp_path: Path) -> None:
    """A model that is not there ends the start with its name, and no traceback."""
    done = shim("serve", "--port", "0", "--model", f"mine=ct2:{tmp_path}")

    assert done.exit_code == 1
    assert "The model 'mine' could not be opened" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(("flags", "shown"), [([], True), (["--log-level", "warning"], False)])
def test_models_tell_how_far_they_are(tmp_path: Path, flags: list[str], *, shown: bool) -> None:
    """Unless told otherwise, the log shows a model's start, although nothing else at its level."""
    shim("serve", "--port", "0", "--model", f"mine=ct2:{tmp_path}", *flags)

    assert (logging.getLogger("backends").level == logging.INFO) is shown
    # Left to the root, whose level belongs to whoever set logging up first.
    assert logging.getLogger("shim").level == logging.NOTSET


def test_version() -> None:
    """The version is the package's."""
    assert shim("--version").output == f"shim, version {__version__}\n"


def test_the_document_is_printed() -> None:
    """What is printed is what a server with these settings gives out."""
    done = shim("openapi", "--api-key", "secret")

    assert done.exit_code == 0
    assert json.loads(done.output) == document(ServerSettings(api_keys=("secret",)))
