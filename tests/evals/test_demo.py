"""The demo as a process: a server that answers, refuses, dies, or must not be left behind."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

SCRIPTED = [sys.executable, str(Path(__file__).parent / "scripted_server.py")]


def demo(out: Path, *server: str) -> subprocess.CompletedProcess[str]:
    """Run the demo on the first three samples of each evaluation."""
    command = [sys.executable, "-W", "error", "-m", "evals.demo", "--limit", "3"]
    return subprocess.run(  # noqa: S603 - our own commands
        [*command, "--out", str(out), "--", *server], capture_output=True, text=True, check=False
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
    assert all(word in done.stdout for word in ("WER", "accuracy", "s audio/s", "tokens/s", "p95"))
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
    assert "the server was stopped" in done.stderr
    assert farewell.read_text() == "stopped in order"
    [found] = summaries(tmp_path)
    assert (found["complete"], found["ended"]) == (False, "interrupted")
    assert "interrupted" in done.stdout


def test_the_demo_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a command the demo serves the built-in models; the user's settings do not count."""
    monkeypatch.setenv("SHIM_API_KEYS", "sk-secret")
    monkeypatch.setenv("SHIM_CONFIG", "/no/such.toml")

    done = demo(tmp_path)

    scores = [one["score"] for one in summaries(tmp_path)]
    assert done.returncode == 0, done.stderr
    assert [score["samples"] for score in scores] == [3, 3]
    assert scores[0]["value"] < 0.2
    assert scores[1]["value"] > 0.8
