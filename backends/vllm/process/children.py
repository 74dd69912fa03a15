"""Ends all processes of vLLM, however the server ends.

Uses the standard library only, because the reaper runs this file as a script.

vLLM starts processes (an engine core, workers, and what those start). They outlive a server that is
killed: after SIGKILL no code of the server runs, and they would keep a GPU's memory for good. So
each engine has a *mark*, an environment variable that all its processes and their descendants
inherit from their first instant on. An engine can end in three ways:

- It is closed in order: vLLM joins its processes; those that still bear the mark are killed.
- The server dies (SIGKILL, a crash, the out-of-memory killer), perhaps while the engine loads: the
  *reaper*, a small process that waits for its parent's death, kills every process with the mark.
- The whole container or session is ended: the kernel kills all processes.

Python's resource tracker bears the mark too, but is spared: it belongs to the server, may serve
another engine, and ends by itself after the last process, when it has removed shared memory.

Other ways are worse: PR_SET_PDEATHSIG has to be set inside each child, which is busy with imports
for its first seconds; a list of process ids lacks those that start later; a process group is shared
with the program that started the server. The mark needs /proc: on systems other than Linux only the
first end is covered, by vLLM alone.
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
_PARENT_POLL = 0.2
"""Seconds between two looks of the reaper at its parent."""
_POLL = 0.05
"""Seconds between two looks at processes that should end."""
_GIVE_UP = 30.0
"""Seconds after the first SIGKILL in which processes must end; later they are not waited for."""


@contextmanager
def marked(mark: str) -> Iterator[None]:
    """Give *mark* to every process that is started inside, and so to all their descendants."""
    os.environ[_VARIABLE] = mark
    # vLLM names its processes with setproctitle, which would overwrite the mark in /proc.
    os.environ["SPT_NOENV"] = "1"
    try:
        yield
    finally:
        del os.environ[_VARIABLE]


@contextmanager
def reaped(mark: str, *, patience: float) -> Iterator[None]:
    """End all processes with *mark* at the end of the block, or when this process dies.

    At the end of the block they have *patience* seconds to end by themselves.
    """
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
    """Wait until no process bears *mark*; kill those that last longer than *patience* seconds."""
    start = time.monotonic()
    while pids := [pid for pid in bearers(mark) if not _is_tracker(pid)]:
        waited = time.monotonic() - start
        if waited > patience + _GIVE_UP:
            return
        if waited >= patience:
            _kill(pids)
        time.sleep(_POLL)


def bearers(mark: str) -> list[int]:
    """Return the ids of the living processes that bear *mark*; empty if there is no /proc."""
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
    except OSError:  # the process has just ended, or belongs to another user
        return b""


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _reap(parent: int, mark: str) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL)
    end(mark, patience=0.0)


if __name__ == "__main__":
    _reap(int(sys.argv[1]), sys.argv[2])
