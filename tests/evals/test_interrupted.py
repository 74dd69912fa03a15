"""Runs that end early, by Ctrl-C, SIGTERM or a full disk: the answers so far are kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from evals.cli import main
from tests.evals.scripted_server import Reply, Request, ScriptedServer, completion

SUMS = [
    {"id": name, "messages": [{"role": "user", "content": "2+2="}], "target": "4"} for name in "abc"
]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run(
    sign: signal.Signals, server: ScriptedServer, manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """It exits 130, and its summary and its score are there, and say that they are not whole."""
    started: list[subprocess.Popen[str]] = []

    def answer(_: Request) -> Reply:
        if len(server.requests) < 3:
            return completion("4")
        os.kill(started[0].pid, sign)
        return Reply(cut=True)

    server.otherwise = answer
    path, out = manifest(*SUMS), tmp_path / "out"
    flags = ["--model", "m", "--base-url", server.base_url, "--out", str(out), "--concurrency", "1"]
    command = [sys.executable, "-m", "evals", "run", str(path), *flags]

    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        started.append(process)
        printed, errors = process.communicate(timeout=60)

    [found] = [msgspec.json.decode(one.read_bytes()) for one in out.glob("*/summary.json")]
    assert process.returncode == 130
    [folder] = out.iterdir()
    assert errors.endswith(f"interrupted; to go on: evals resume {folder}\n")
    assert "Traceback" not in errors
    assert "accuracy 100.00% (2/2)" in printed
    assert "interrupted; 1 samples were not asked" in printed
    assert (found["complete"], found["ended"], found["counts"]["unasked"]) == (
        False,
        "interrupted",
        1,
    )
    [results] = out.glob("*/results.jsonl")
    assert len(results.read_bytes().splitlines()) == 2


def test_a_disk_that_fills(
    server: ScriptedServer,
    manifest: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A result that cannot be written ends the run in one line; the score so far is shown."""
    path, opened = manifest(*SUMS), Path.open

    def full(path: Path, mode: str = "r", *given: Any, **named: Any) -> Any:
        if path.name == "results.jsonl" and "a" in mode:
            return opened(Path("/dev/full"), "wb")
        return opened(path, mode, *given, **named)

    monkeypatch.setattr(Path, "open", full)

    places = ["--base-url", server.base_url, "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, ["run", str(path), "--model", "m", *places])

    assert done.exit_code == 1
    assert "accuracy 100.00%" in done.output
    assert "results.jsonl: No space left on device" in done.output
    assert isinstance(done.exception, SystemExit)


def test_half_a_character(
    server: ScriptedServer, manifest: Callable[..., Path], tmp_path: Path
) -> None:
    """An answer that UTF-8 cannot hold does not end the run: it is scored, and kept readable."""
    server.otherwise = lambda _: Reply(body=completion("@").body.replace(b"@", rb"\ud83d"))
    path = manifest(*SUMS)
    places = ["--base-url", server.base_url, "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, ["run", str(path), "--model", "m", *places])

    [results] = (tmp_path / "out").glob("*/results.jsonl")
    assert done.exit_code == 0
    assert "accuracy 0.00% (0/3)" in done.output
    assert b"\xef\xbf\xbd" in results.read_bytes()
    assert all(msgspec.json.decode(line) for line in results.read_bytes().splitlines())
