"""A program in a process of its own that is given jobs as lines of JSON, and how it is measured."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

PEERS_PYTHON = Path("build") / "bench-peers" / "bin" / "python"
"""The interpreter beside other engines, which `make bench-real` installs."""


class Run(Struct, frozen=True, kw_only=True):
    """What came of one job."""

    seconds: float
    texts: list[str]
    """In the order of the clips."""
    latencies: list[float]
    """Seconds of each request; of a list taken at once, the seconds of the list."""
    firsts: list[float] = []
    """Seconds to the first token of each request, where they stream."""
    cpu: float = 0.0
    """Processor time of the child, in seconds, while the clock ran; where it tells."""
    tokens: list[int] = []
    """Tokens of each answer, where they are counted."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.texts) / self.seconds


class Child:
    """A process `python -m MODULE ARGUMENTS` that answers each line with a line; a context."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        python: str | Path = sys.executable,
        **environment: str,
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own modules
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # the end of its input is the end of its work

    def ask(self, **job: Any) -> Run:
        """Send a job and return its result. Raises RuntimeError if the child ended."""
        assert self._process.stdin is not None  # noqa: S101  it was opened as a pipe
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}")
        return Run(**json.loads(answer))


def answer(work: Callable[..., Run]) -> None:
    """Call *work* with each job from the standard input, until that ends: a child's main loop."""
    for line in sys.stdin:
        run = work(**json.loads(line))
        print(json.dumps({name: getattr(run, name) for name in Run.__struct_fields__}), flush=True)


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process so far, in user code and in the kernel (Linux)."""
    # Fields 14 and 15 of proc_pid_stat(5), after the name, which may hold spaces and brackets.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_clock(pid: int) -> float:
    """Return the same as `cpu_seconds`, to the nanosecond instead of the kernel's tick."""
    # CPUCLOCK_SCHED of another process, as clock_getcpuclockid(3) makes it.
    return time.clock_gettime((~pid << 3) | 2)


def family(pid: int) -> list[int]:
    """Return the ids of a process and of all its descendants."""
    listings = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for listing in listings for child in listing.read_text().split()]
    return [pid, *(each for child in children for each in family(child))]


def named(pid: int, name: str) -> int:
    """Return the id of the one process called *name* among *pid* and its descendants.

    Raises ValueError if there is not exactly one.
    """
    (found,) = (each for each in family(pid) if _name(each) == name)
    return found


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()


def machine_seconds() -> tuple[float, float]:
    """Return the time that all processors were busy so far, and that they had (proc_stat(5))."""
    first = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system, idle, waiting, *rest = map(int, first.split()[1:9])
    busy = (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")
    return busy, busy + (idle + waiting) / os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """What a piece of work took."""

    own: float = 0.0
    """Processor time of those who worked, in seconds."""
    others: float = 0.0
    """Share of the machine that neither they nor the client took."""


@contextmanager
def cost(worker: int, client: int) -> Iterator[Cost]:
    """Measure the work of a process and its descendants for a *client*, until the block ends."""
    spent = Cost()
    workers = family(worker)
    before, (busy, had) = {pid: cpu_seconds(pid) for pid in (*workers, client)}, machine_seconds()
    yield spent
    took = {pid: cpu_seconds(pid) - then for pid, then in before.items()}
    busy, had = (now - then for now, then in zip(machine_seconds(), (busy, had), strict=True))
    spent.own = sum(took[pid] for pid in workers)
    spent.others = max(busy - spent.own - took[client], 0) / had
