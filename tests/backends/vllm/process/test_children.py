"""No process is left behind, however the server ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from backends.vllm.process import children
from tests.live import MODELS, ROOT

PARENT = Path(__file__).with_name("parent.py")
SLEEP = ["/bin/sleep", "600"]
SLEEPERS = """
import subprocess, sys
from backends.vllm.process import children
with children.reaped(sys.argv[1], patience=60):
    with children.marked(sys.argv[1]):
        subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600"])
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def running() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python processes that end with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def until(holds: Callable[[], bool], *, seconds: float) -> bool:
    """Wait until *holds* returns True; return whether it did in time."""
    end = time.monotonic() + seconds
    while not (result := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return result


def marks(process: subprocess.Popen[str]) -> list[str]:
    """Return the marks of all descendants of *process*."""
    values = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            values.append(child.environ().get(children._VARIABLE))
        except psutil.Error:  # it has ended, or only just begun
            continue
    return [mark for mark in values if mark]


def test_grandchildren_die_with_a_killed_server(
    running: Callable[..., subprocess.Popen[str]],
) -> None:
    """SIGKILL leaves nothing, not even what a child has started."""
    mark = uuid4().hex
    server = running("-c", SLEEPERS, mark)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    assert until(lambda: len(children.bearers(mark)) == 3, seconds=10)
    reaper = psutil.Process(server.pid).children()[0]

    server.send_signal(signal.SIGKILL)

    assert until(lambda: not children.bearers(mark), seconds=10)
    assert until(lambda: not reaper.is_running(), seconds=10)


def test_leaving_kills_what_does_not_end() -> None:
    """A process that outlasts the patience of an orderly end is killed, and the reaper goes."""
    mark = uuid4().hex
    before = psutil.Process().children()

    with children.reaped(mark, patience=0.1), children.marked(mark):
        deaf = subprocess.Popen(SLEEP)  # noqa: S603

    assert deaf.wait(timeout=10) == -signal.SIGKILL
    assert psutil.Process().children() == before


def test_the_mark_is_for_the_engine_alone() -> None:
    """What the server starts after the engine is not the engine's to kill."""
    mark = uuid4().hex

    with children.reaped(mark, patience=0.1):
        with children.marked(mark):
            pass
        other = subprocess.Popen(SLEEP)  # noqa: S603

    assert other.poll() is None
    other.kill()
    other.wait()


@pytest.mark.usefixtures("requires_vllm")
def test_a_server_killed_while_loading(running: Callable[..., subprocess.Popen[str]]) -> None:
    """SIGKILL in the first instant of an engine process leaves none."""
    server = running(str(PARENT), str(MODELS / "chat-hf"))
    assert until(lambda: len(marks(server)) >= 2, seconds=120)
    mark = marks(server)[0]

    server.send_signal(signal.SIGKILL)

    assert until(lambda: not children.bearers(mark), seconds=15)


# `tests/test_processes.py` kills a whole server.
@pytest.mark.slow
@pytest.mark.usefixtures("requires_vllm")
def test_a_server_killed_while_serving(running: Callable[..., subprocess.Popen[str]]) -> None:
    """SIGKILL of a ready server ends engine core, worker, resource tracker and reaper."""
    server = running(str(PARENT), str(MODELS / "chat-hf"))
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    everyone = psutil.Process(server.pid).children(recursive=True)
    assert len(everyone) >= 4

    server.send_signal(signal.SIGKILL)

    _, alive = psutil.wait_procs(everyone, timeout=15)
    assert alive == []
