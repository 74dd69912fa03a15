"""Keeps bytes as they arrive: in memory while they are few, then in a temporary file."""

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from shim.errors import StorageFull

from .uninterrupted import uninterrupted

_IN_MEMORY = 1 << 18
"""Bytes of the largest file that stays in memory: some eight seconds of speech."""

_WRITTEN_AT_ONCE = 1 << 20
"""Bytes that are collected before each write, which runs in a thread because a disk may block."""

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk, and of a user's quota that is used up."""


class Spool:
    """A file that is written as its bytes arrive; `close` removes it."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        """Write to *file*; None: to a temporary one, in memory at first."""
        if file is None:
            spool = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  `close` closes it
            file = cast("BinaryIO", spool)
        self.file = file
        self.size = 0
        """Bytes so far, those included that are not written yet."""
        self._unwritten = bytearray()

    def add(self, content: bytes | bytearray) -> None:
        """Add *content*, to be written by the next `write` that has enough, or by `finish`."""
        self._unwritten += content
        self.size += len(content)

    async def write(self) -> None:
        """Write what was added if it is a megabyte; raise StorageFull if there is no room."""
        if len(self._unwritten) >= _WRITTEN_AT_ONCE:
            await self.finish()

    async def finish(self) -> None:
        """Write all that was added; raise StorageFull if there is no room on the disk."""
        content, self._unwritten = self._unwritten, bytearray()
        with full_disk_refused():
            if self.size <= _IN_MEMORY:
                self.file.write(content)
            elif content:
                await uninterrupted(asyncio.to_thread(self._write, content))

    def close(self) -> None:
        """Remove the file."""
        # Closing flushes, and so repeats an error of writing, which was raised already.
        with suppress(OSError):
            self.file.close()

    def _write(self, content: bytearray) -> None:
        self.file.write(content)
        self.file.flush()  # without it a full disk would only show when the file is read


@contextmanager
def full_disk_refused() -> Iterator[None]:
    """Raise StorageFull instead of the OSError of a disk that has no room left."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise StorageFull("There is no room left to keep the file.", retry_after=10) from error
