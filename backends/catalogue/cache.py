"""The folder in which pulled models lie, and whether one is there whole."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from .entries import Entry, Form

_RECORD = "pulled.json"
"""The file that is written last: where it lies, all other files of the entry are whole."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Where an entry's files came from; `pulled.json` beside them."""

    name: str
    source: str
    """The repository and its commit, or the packages and their versions."""
    licence: str
    sha256: dict[str, str]
    """Each file's path and hex digest."""


class Cache:
    """The pulled entries below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def default(cls) -> "Cache":
        """Return the cache in `$SHIM_CACHE`, `$XDG_CACHE_HOME/shim` or `~/.cache/shim`."""
        if own := os.environ.get("SHIM_CACHE"):
            return cls(Path(own).expanduser().absolute())
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return cls(Path(base).expanduser().absolute() / "shim")

    @property
    def downloads(self) -> Path:
        """The folder of packages, and of parts of files whose download was interrupted."""
        return self.folder / "downloads"

    def path(self, entry: Entry, form: Form | None = None) -> Path:
        """Return the folder of *entry*, or of one form of it; it may not exist."""
        folder = Path() if entry.kind == "recordings" else Path("models")
        return self.folder / folder / entry.name / (form or "")

    def record(self, entry: Entry) -> Record | None:
        """Return the record of *entry*; None if it is not pulled, or if its pins have changed."""
        try:
            record = msgspec.json.decode((self.path(entry) / _RECORD).read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError):
            return None
        pinned = {file.path: file.sha256 for file in entry.files}
        return record if record.sha256 == pinned else None

    def has(self, entry: Entry, form: Form | None = None) -> bool:
        """Return whether *entry* is pulled, in the given *form* too."""
        return self.record(entry) is not None and self.path(entry, form).is_dir()

    def keep(self, entry: Entry, record: Record) -> None:
        """Write *record*: from now on *entry* counts as pulled."""
        file = self.path(entry) / _RECORD
        part = file.with_name(f"{_RECORD}.part")
        part.write_bytes(msgspec.json.format(msgspec.json.encode(record)))
        part.replace(file)

    @contextmanager
    def locked(self, entry: Entry) -> Iterator[None]:
        """Hold the lock of *entry*, so that two processes do not pull it at once; may wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f".{entry.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
