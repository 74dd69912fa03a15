"""No process is left behind, however the server ends. Standard library only: it is run as a script.

vLLM starts processes (an engine core, workers, whatever those start), and they outlive a server
that is killed: with SIGKILL nothing of ours runs any more, and they keep a GPU's memory for good.
So each engine draws a *mark*, an environment variable that all its processes inherit, from their
first instant on and through every generation. There are three endings:

- The engine is closed in order: vLLM joins its processes; what still bears the mark is killed.
- The server dies (SIGKILL, a crash, the out-of-memory killer), also while the engine is loading:
  the *reaper*, a small process that waits for its parent's death, kills whatever bears the mark.
- The whole container or session is ended: the kernel takes them all.

Python's resource tracker bears the mark too, yet is spared: it belongs to the server, may serve
another engine, and ends by itself when the last process is gone, after removing shared memory.

Other ways that were weighed: PR_SET_PDEATHSIG has to be set inside each child, whose first seconds
are spent importing; a list of process ids misses those that start after it was made; a process
group is shared with whatever started the server. The price of the mark is /proc: elsewhere than on
Linux only the first ending is covered, by vLLM alone.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_VARIABLE = "EVALSHIM_ENGINE"
_GLANCE = 0.2
"""Seconds between two looks of the reaper at its parent."""
_POLL = 0.05
_GIVE_UP = 30.0
"""Seconds after which a process that SIGKILL did not end is the kernel's affair."""


@contextmanager
def marked(mark: str) -> Iterator[None]:
    """Let every process that is started inside, and all their descendants, bear *mark*."""
    os.environ[_VARIABLE] = mark
    # vLLM names its processes with setproctitle, which would write over the mark in /proc.
    os.environ["SPT_NOENV"] = "1"
    try:
        yield
    finally:
        del os.environ[_VARIABLE]


@contextmanager
def reaped(mark: str, *, patience: float) -> Iterator[None]:
    """End all that bears *mark* when this process dies, or *patience* seconds after leaving."""
    command = [sys.executable, "-I", "-S", __file__, str(os.getpid()), mark]
    # A session of its own: Ctrl-C in a terminal must not end the reaper before the server.
    reaper = subprocess.Popen(  # noqa: S603 - our own file
        command,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        end(mark, patience=patience)
        reaper.kill()
        reaper.wait()


def end(mark: str, *, patience: float) -> None:
    """Wait *patience* seconds for all that bears *mark* to end, then kill until nothing is left."""
    start = time.monotonic()
    while left := [pid for pid in bearers(mark) if not _is_tracker(pid)]:
        waited = time.monotonic() - start
        if waited > patience + _GIVE_UP:
            return
        if waited >= patience:
            _kill(left)
        time.sleep(_POLL)


def bearers(mark: str) -> list[int]:
    """Return the ids of the living processes that bear *mark*; none where there is no /proc."""
    needle = f"{_VARIABLE}={mark}".encode()
    return [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if needle in _read(entry / "environ")
    ]


def _is_tracker(pid: int) -> bool:
    return b"multiprocessing.resource_tracker" in _read(Path(f"/proc/{pid}/cmdline"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has just ended, or is another user's
        return b""


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _reap(parent: int, mark: str) -> None:
    while os.getppid() == parent:
        time.sleep(_GLANCE)
    end(mark, patience=0.0)


if __name__ == "__main__":
    _reap(int(sys.argv[1]), sys.argv[2])
