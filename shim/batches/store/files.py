"""Stores files: bytes in a folder, and a row of the index for each.

The bytes come first: they are synced to the disk and linked to their final name, then a transaction
inserts the row. At every moment a file is whole, or it is not there.
"""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias

from msgspec import Struct

from shim.batch_settings import BatchSettings
from shim.http.spool import full_disk_refused
from shim.http.uninterrupted import uninterrupted

from . import table
from .database import Database, Work
from .folder import Folder
from .ids import Ids
from .incoming import Incoming
from .quota import Quota, counted
from .table import Order, StoredFile

log = logging.getLogger(__name__)

_PREFIX = "file-"


class NewFile(Struct, frozen=True, kw_only=True):
    """A complete file in the directory of batches, which is to be stored."""

    path: Path
    owner: str
    purpose: str
    filename: str
    lifetime: int | None = None
    """Seconds until it expires; None: as long as the settings say."""


class Page(Struct, frozen=True):
    """Some files of a list, in its order."""

    files: list[StoredFile]
    has_more: bool


Also: TypeAlias = Callable[[sqlite3.Connection, list[StoredFile]], None]
"""Does more in the transaction in which files are stored."""


def _nothing(_connection: sqlite3.Connection, _stored: list[StoredFile]) -> None:
    """Do nothing more."""


class Files:
    """The files of all clients."""

    def __init__(self, folder: Folder, database: Database, settings: BatchSettings) -> None:
        """Store files in *folder*; `start` has to be awaited first."""
        self._folder = folder
        self._database = database
        self._settings = settings
        self.quota = Quota(settings.max_bytes)
        self.ids = Ids()

    async def start(self) -> None:
        """Count what is stored; remove what has expired and what a killed server has begun."""
        rows = await self._database.run(table.prepare)
        self.ids = Ids(max((id_ for id_, _ in rows), default="").removeprefix(_PREFIX))
        self.quota.add(len(rows), sum(counted(size) for _, size in rows))
        known = {id_ for id_, _ in rows}
        await asyncio.to_thread(self._remove_others, known)
        await self.sweep()

    def incoming(self) -> Incoming:
        """Return what a new upload is written to; raise QuotaExceeded or StorageFull."""
        path = self._folder.uploads / self.ids.new("")
        with full_disk_refused():
            return Incoming(path, self.quota, self._settings.file_bytes)

    async def keep(
        self,
        incoming: Incoming,
        *,
        owner: str,
        purpose: str,
        filename: str,
        lifetime: int | None = None,
    ) -> StoredFile:
        """Store a finished upload; raise StorageFull if there is no room on the disk."""
        with full_disk_refused():
            await uninterrupted(asyncio.to_thread(incoming.file.close))
        new = NewFile(
            path=incoming.path, owner=owner, purpose=purpose, filename=filename, lifetime=lifetime
        )
        return (await self.adopt(new))[0]

    async def adopt(self, *new: NewFile, also: Also = _nothing) -> list[StoredFile]:
        """Store the *new* files, all or none, in a transaction that calls *also* with them.

        Their own paths are removed after that. Raises StorageFull and what *also* raises.
        """
        return await uninterrupted(asyncio.ensure_future(self._adopt(new, also)))

    async def _adopt(self, new: Sequence[NewFile], also: Also) -> list[StoredFile]:
        named = [(self.ids.new(_PREFIX), each) for each in new]
        with full_disk_refused():
            stored = await asyncio.to_thread(self._linked, named)

        def insert(connection: sqlite3.Connection) -> None:
            table.insert(connection, stored)
            also(connection, stored)

        try:
            await self._database.run(insert)
        except BaseException:
            await asyncio.to_thread(_unlink, map(self.path, stored))
            raise
        self.quota.add(len(stored), sum(counted(file.size) for file in stored))
        await asyncio.to_thread(_unlink, [each.path for each in new])
        return stored

    async def get(self, id_: str, owner: str) -> StoredFile:
        """Return the file *id_* of *owner*; raise UnknownFile."""
        return await self._database.run(lambda connection: table.find(connection, id_, owner))

    def path(self, file: StoredFile) -> Path:
        """Return where the bytes of *file* are, until it is deleted or has expired."""
        return self._folder.files / file.id

    async def opened(self, file: StoredFile) -> BinaryIO:
        """Return the bytes of *file*, open to be read; raise UnknownFile if it has been deleted."""
        try:
            return await asyncio.to_thread(self.path(file).open, "rb")
        except FileNotFoundError as error:
            raise table.unknown(file.id) from error

    async def link(self, file: StoredFile, path: Path) -> None:
        """Make the bytes of *file* available at *path* too, where they stay if it is deleted.

        Raises UnknownFile if it has been deleted already.
        """
        try:
            await asyncio.to_thread(path.hardlink_to, self.path(file))
        except FileNotFoundError as error:
            raise table.unknown(file.id) from error

    async def page(
        self,
        owner: str,
        *,
        purpose: str | None = None,
        limit: int,
        order: Order = "desc",
        after: str | None = None,
    ) -> Page:
        """Return up to *limit* files of *owner* and *purpose* that follow the id *after*.

        *after* need not exist. None: from the beginning, and of all purposes.
        """
        files = await self._database.run(
            lambda connection: table.page(
                connection, owner, purpose=purpose, limit=limit + 1, order=order, after=after
            )
        )
        return Page(files[:limit], len(files) > limit)

    async def delete(self, id_: str, owner: str) -> None:
        """Delete the file *id_* of *owner*; raise UnknownFile.

        Whoever has it open reads it to its end.
        """
        await self._remove(lambda connection: table.delete(connection, id_, owner))

    async def sweep(self) -> None:
        """Remove the files that have expired."""
        await self._remove(table.delete_expired)

    async def _remove(self, delete: Work[list[StoredFile]]) -> None:
        """Remove the rows that *delete* deletes and returns, and then their bytes."""
        await uninterrupted(asyncio.ensure_future(self._removed(delete)))

    async def _removed(self, delete: Work[list[StoredFile]]) -> None:
        files = await self._database.run(delete)
        self.quota.add(-len(files), -sum(counted(file.size) for file in files))
        await asyncio.to_thread(_unlink, [self.path(file) for file in files])

    def _linked(self, named: Iterable[tuple[str, NewFile]]) -> list[StoredFile]:
        """Sync new files, each with its id, to the disk under their final names."""
        stored: list[StoredFile] = []
        try:
            for id_, new in named:
                stored.append(self._stored(id_, new))
                _sync(new.path)
                self.path(stored[-1]).hardlink_to(new.path)
            _sync(self._folder.files)
        except OSError:
            _unlink(map(self.path, stored))
            raise
        return stored

    def _stored(self, id_: str, new: NewFile) -> StoredFile:
        now = int(time.time())
        lifetime = self._settings.retention_seconds if new.lifetime is None else new.lifetime
        return StoredFile(
            id=id_,
            owner=new.owner,
            purpose=new.purpose,
            filename=new.filename,
            size=new.path.stat().st_size,
            created_at=now,
            expires_at=now + lifetime,
        )

    def _remove_others(self, known: set[str]) -> None:
        """Remove the bytes of files that are not *known*: a server was killed in between."""
        for path in self._folder.files.iterdir():
            if path.name not in known:
                log.info("%s is not in the index: removed", path)
                path.unlink()


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until *path*, a file or a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
