"""Runs all work on the index in one thread, a transaction each."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from shim.errors import StorageFull
from shim.exchanges.folder import FolderUnusable
from shim.http.uninterrupted import uninterrupted

T = TypeVar("T")

Work = Callable[[sqlite3.Connection], T]
"""Reads or changes the index; what it raises undoes its changes."""

_VERSION = 1
"""The version of all tables, in the database's `user_version`; a new database has 0."""

_FULL = 13
"""SQLite's primary result code for a full disk (SQLITE_FULL); Python 3.11 has no name for it."""

_PRIMARY = 0xFF
"""The bits of an extended result code that are the primary one."""


class Database:
    """The index: one connection, and the one thread that uses it."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread

    async def run(self, work: Work[T]) -> T:
        """Return what *work* returns, in a transaction.

        If cancelled, it waits for the end of *work* first. Raises what *work* does, and StorageFull
        if there is no room on the disk.
        """
        loop = asyncio.get_running_loop()
        return await uninterrupted(loop.run_in_executor(self._thread, self._transacted, work))

    def _transacted(self, work: Work[T]) -> T:
        try:
            with self._connection:
                return work(self._connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != _FULL:
                raise
            raise StorageFull("There is no room left for the index.", retry_after=10) from error


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    """Open the database *file*, or make it; close it when the block ends.

    Raises FolderUnusable for a file that is not an index, or one of a later version.
    """
    try:
        # SQLite gives the files beside it the same mode.
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(file, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise FolderUnusable(f"{file}: {error}") from error
    thread = ThreadPoolExecutor(1, "index")
    try:
        _prepare(connection, file)
        yield Database(connection, thread)
    finally:
        thread.shutdown()
        connection.close()


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    connection.row_factory = sqlite3.Row
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise FolderUnusable(f"{file} is of a later version of Shim")
        connection.execute("PRAGMA journal_mode = WAL")
        # What a client was told is stored survives a loss of power: 0.1 ms more than `normal`.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    except sqlite3.Error as error:
        raise FolderUnusable(f"{file}: {error}") from error
