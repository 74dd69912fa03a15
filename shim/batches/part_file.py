"""A file of results that grows while its batch runs: a line in it is whole, or not there."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from shim.http.uninterrupted import uninterrupted

_PIECE = 1 << 20
"""Bytes that are read at a time to find the end of the last whole line."""


class PartFile:
    """Appends lines. Those that come while others are written are written together after them."""

    def __init__(self, path: Path) -> None:
        """Open *path*, which need not exist, and cut off a last line that is not whole."""
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = _whole(self._file)
        os.ftruncate(self._file, self._size)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def append(self, line: bytes) -> None:
        """Write *line*, which ends with a newline; return once it is on the disk.

        Raises OSError; nothing of the line is in the file then. If cancelled, the line may be.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((line, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await written

    async def _write_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            text = b"".join(line for line, _ in group)
            error: OSError | None = None
            try:
                await uninterrupted(asyncio.to_thread(self._write, text))
            except OSError as failure:
                error = failure
            for _, written in group:
                if not written.done():
                    _settle(written, error)
        self._writing = None

    def _write(self, text: bytes) -> None:
        try:
            _write(self._file, text)
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(text)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the position and the text of each line that is in the file."""
        position = 0
        with self.path.open("rb") as file:
            for line in file:
                yield position, line
                position += len(line)

    def read(self, position: int, length: int) -> bytes:
        """Return *length* bytes from *position*."""
        return os.pread(self._file, length, position)

    async def close(self) -> None:
        """Wait for what is being written, then close the file."""
        if self._writing is not None:
            await self._writing
        os.close(self._file)


def _settle(written: asyncio.Future[None], error: OSError | None) -> None:
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)


def _write(file: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(file, rest) :]


def _whole(file: int) -> int:
    """Return the length of *file* up to the end of its last newline."""
    end = os.fstat(file).st_size
    while end:
        begin = max(end - _PIECE, 0)
        if (last := os.pread(file, end - begin, begin).rfind(b"\n")) >= 0:
            return begin + last + 1
        end = begin
    return 0
