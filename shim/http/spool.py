"""Keeps bytes as they arrive: in memory while they are few, then in a temporary file."""

import asyncio
import errno
from contextlib import suppress
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
    """A temporary file that is written as its bytes arrive; `close` removes it."""

    def __init__(self) -> None:
        spool = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  `close` closes it
        self.file = cast("BinaryIO", spool)
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
        try:
            if self.size <= _IN_MEMORY:
                self.file.write(content)
            elif content:
                await uninterrupted(asyncio.to_thread(self._write, content))
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
            raise StorageFull("There is no room left to keep the file.", retry_after=10) from error

    def close(self) -> None:
        """Remove the file."""
        # Closing flushes, and so repeats an error of writing, which was raised already.
        with suppress(OSError):
            self.file.close()

    def _write(self, content: bytearray) -> None:
        self.file.write(content)
        self.file.flush()  # without it a full disk would only show when the file is read
