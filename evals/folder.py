"""Names, creates and locks the folder of one run, and names the files in it."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import msgspec

from evals.failures import CannotWrite, FolderInUse
from evals.files import writing

NAME_BYTES = 80
"""Most bytes of a task's or a model's name in a folder's name: file systems allow 255 in all."""


class Folder(msgspec.Struct, frozen=True):
    """A folder that no other run writes to."""

    path: Path

    @property
    def run(self) -> Path:
        """The file with all that decides the run (`evals.specification`)."""
        return self.path / "run.json"

    @property
    def results(self) -> Path:
        """The file with one line per sample."""
        return self.path / "results.jsonl"

    @property
    def summary(self) -> Path:
        """The file with the score; missing while it runs, and if it was killed."""
        return self.path / "summary.json"

    @property
    def batches(self) -> Path:
        """The folder with what the run has at the server (`evals.batch`), while it has any."""
        return self.path / "batches"

    @property
    def page(self) -> Path:
        """The page of the run; the same as Markdown is beside it (`evals.report.page`)."""
        return self.path / "report.html"


def create(out: Path, *, task: str, model: str, at: datetime | None = None) -> Folder:
    """Create `OUT/TASK-MODEL-TIME` and return it; *at* None: now. Raises CannotWrite.

    If that folder exists, from a run that started in the same second, the name ends in `-2`, and
    so on.
    """
    at = at or datetime.now(UTC)
    name = f"{safe(task)}-{safe(model)}-{at:%Y%m%dT%H%M%SZ}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            path = out / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return Folder(path)
    except OSError as error:
        raise CannotWrite(
            f"{CannotWrite.to(out, error)}; choose another place with --out"
        ) from error
    raise AssertionError


@contextmanager
def held(folder: Folder) -> Iterator[None]:
    """Hold *folder*, which is created if it is missing, until the block ends.

    The kernel releases the lock when the process ends, also by SIGKILL; the file `.lock` stays.
    Raises FolderInUse if another process holds the folder, and CannotWrite.
    """
    with writing(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
        file = (folder.path / ".lock").open("ab")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(f"{folder.path} is in use: another process runs in it") from error
        except OSError as error:  # a file system without locks
            raise CannotWrite.to(folder.path, error) from error
        yield


def refuse_unwritable(out: Path) -> None:
    """Raise CannotWrite if no folder can be made in *out*; creates nothing.

    Called before the wait for the server, so that a wrong path is reported at once.
    """
    try:
        existing = next(path for path in (out, *out.parents) if path.exists())
    except OSError as error:  # a name that is too long
        raise CannotWrite.to(out, error) from error
    if not existing.is_dir():
        raise CannotWrite(
            f"cannot write to {out}: {existing} is not a folder; choose one with --out"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise CannotWrite(
            f"cannot write to {out}: no permission for {existing}; choose another --out"
        )


def safe(name: str) -> str:
    """Return *name* as part of a file's name: letters, digits and `.+_-`, at most 80 bytes."""
    short = re.sub(r"[^\w.+-]+", "_", name).encode(errors="ignore")[:NAME_BYTES]
    return short.decode(errors="ignore").strip("._-") or "_"
