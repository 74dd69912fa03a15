"""`evals run --via batch` at a real server with the built-in toys, which is killed in one test."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

import evals
from evals.cli import main
from tests.evals.test_resume import resume
from tests.evals.test_via_batch import VIA, same
from tests.live import TOY_CHAT, TOY_SPEECH, LiveServer, serving

pytestmark = pytest.mark.slow

DATA = Path(evals.__file__).parent / "data"


def configured(folder: Path) -> Path:
    """Write a configuration of the toys, with batches in *folder*."""
    file = folder / "shim.toml"
    file.write_text(f'[batches]\ndirectory = "{folder / "batches"}"\n{TOY_CHAT}{TOY_SPEECH}')
    return file


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Serve the toys, with batches."""
    with serving("--config", str(configured(tmp_path_factory.mktemp("server")))) as found:
        yield found


def command(data: str, model: str, base_url: str, folder: Path) -> list[str]:
    """Return the arguments of `evals` that begin a run in *folder*."""
    places = ["--base-url", base_url, "--folder", str(folder), "--no-report"]
    return ["run", str(DATA / data), "--model", model, *places]


@pytest.mark.parametrize(
    ("data", "model"),
    [("sums.jsonl", "toy-chat"), ("choices.jsonl", "toy-chat"), ("speech.jsonl", "toy")],
)
def test_the_same_as_by_requests(data: str, model: str, live: LiveServer, tmp_path: Path) -> None:
    """Each sample has the same answer, and no file stays at the server."""
    runs = {name: tmp_path / name for name in ("requests", "batch")}

    for via, folder in runs.items():
        flags = [*command(data, model, live.base_url, folder), "--via", via]
        done = CliRunner().invoke(main, flags)
        assert done.exit_code == 0, done.output

    assert same(runs["batch"]) == same(runs["requests"])
    assert httpx.get(f"{live.base_url}/files").json()["data"] == []


def test_both_are_killed(tmp_path: Path) -> None:
    """Server and client are killed twice; the results are those of a run left alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}/v1"
    at = ["--config", str(configured(tmp_path)), "--port", str(port)]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    flags = ["--repeat", "5", "--max-failures", "0"]
    evals_run = [
        sys.executable,
        "-m",
        "evals",
        *command("sums.jsonl", "toy-chat", base_url, killed),
    ]
    for done in (20, 150):
        with (
            serving(*at) as server,
            subprocess.Popen(  # noqa: S603
                [*evals_run, *flags, *VIA], stderr=subprocess.DEVNULL
            ) as client,
        ):
            answered(base_url, done)
            server.process.kill()
            # The client waits for the server meanwhile.
            assert client.poll() is None
            client.kill()
        assert client.returncode == -signal.SIGKILL
    with serving(*at):
        ended = resume(killed)
        CliRunner().invoke(main, [*command("sums.jsonl", "toy-chat", base_url, alone), *flags])
        batches = httpx.get(f"{base_url}/batches").json()["data"]

    assert ended.exit_code == 0, ended.output
    assert len(batches) == 1
    assert batches[0]["request_counts"] == {"total": 310, "completed": 310, "failed": 0}
    assert same(killed) == same(alone)


def answered(base_url: str, number: int) -> None:
    """Wait until so many requests of the only batch are answered."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        batches = httpx.get(f"{base_url}/batches").json()["data"]
        if batches and batches[0]["request_counts"]["completed"] >= number:
            return
        time.sleep(0.02)
    pytest.fail(f"no {number} requests were answered")
