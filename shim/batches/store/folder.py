"""Opens the directory of files and batches, which one server has at a time.

- `index.sqlite`: what is known of each file and batch;
- `files/ID`: the bytes of a file, whole whenever the index has it;
- `uploads/`: what is arriving;
- `running/ID/`: a folder for each batch that has not ended;
- `lock`: a server holds a lock on it while it runs.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from shim.exchanges.folder import FolderUnusable


class Folder(Struct, frozen=True):
    """The paths in the directory of files and batches."""

    path: Path

    @property
    def index(self) -> Path:
        """The database."""
        return self.path / "index.sqlite"

    @property
    def files(self) -> Path:
        """The folder of the bytes of all files."""
        return self.path / "files"

    @property
    def uploads(self) -> Path:
        """The folder of what is arriving: it is empty when a server has started."""
        return self.path / "uploads"

    @property
    def running(self) -> Path:
        """The folder of the folders of batches that have not ended."""
        return self.path / "running"


@contextmanager
def held(path: Path) -> Iterator[Folder]:
    """Make the directory *path*, for its owner only, and hold its lock during the block.

    Raises FolderUnusable if it cannot be written or lacks hard links, and if another server has it.
    """
    folder = Folder(path)
    try:
        for each in (path, folder.files, folder.uploads, folder.running):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderUnusable(f"{path}: {error.strerror}") from error
    try:
        _prepare(folder, lock)
        yield folder
    finally:
        os.close(lock)  # which releases it


def _prepare(folder: Folder, lock: int) -> None:
    """Take the *lock*, and remove what a server that was killed has left of its uploads."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder.uploads)
        folder.uploads.mkdir(mode=0o700)
        # A file enters `files/` by a hard link: not all network file systems have them.
        (folder.uploads / "link").hardlink_to(folder.path / "lock")
        (folder.uploads / "link").unlink()
    except BlockingIOError as error:
        raise FolderUnusable(f"{folder.path}: another server has its batches there") from error
    except OSError as error:
        raise FolderUnusable(f"{folder.path}: {error.strerror}") from error
