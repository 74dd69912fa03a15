"""The store of files: whole or not there, at every moment; expiry, and what is not full."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from shim.batch_settings import BatchSettings
from shim.batches.service import Batches, opened
from shim.batches.store.files import Files, NewFile
from shim.batches.store.folder import held
from shim.batches.store.ids import Ids
from shim.batches.store.table import StoredFile
from shim.errors import QuotaExceeded, StorageFull, UnknownFile
from shim.exchanges.folder import FolderUnusable
from shim.serving.batch_metrics import BatchMetrics

OWNER = "0" * 64


@asynccontextmanager
async def store(path: Path, **settings: Any) -> AsyncIterator[Batches]:
    """Open a store at *path*."""
    metrics = BatchMetrics(CollectorRegistry())
    async with opened(BatchSettings(directory=str(path), **settings), metrics) as batches:
        assert batches is not None
        yield batches


async def uploaded(files: Files, content: bytes, lifetime: int | None = None) -> StoredFile:
    """Store *content* as an upload."""
    incoming = files.incoming()
    incoming.add(content)
    await incoming.finish()
    try:
        return await files.keep(
            incoming, owner=OWNER, purpose="batch", filename="a", lifetime=lifetime
        )
    finally:
        incoming.close()


def new(path: Path, content: bytes = b"a") -> NewFile:
    """Return a file that has been made at *path*."""
    path.write_bytes(content)
    return NewFile(path=path, owner=OWNER, purpose="batch_output", filename="b")


async def test_an_expired_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that has expired is not there at once; its bytes are removed by the next sweep."""
    async with store(tmp_path) as batches:
        files = batches.files
        short, long = await uploaded(files, b"a", 3600), await uploaded(files, b"b")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 3600)

        with pytest.raises(UnknownFile):
            await files.get(short.id, OWNER)
        with pytest.raises(UnknownFile):
            await files.delete(short.id, OWNER)
        listed = await files.page(OWNER, limit=10)
        before = files.path(short).exists()
        await files.sweep()

        assert listed.files == [long]
        assert before
        assert [path.name for path in batches.folder.files.iterdir()] == [long.id]
        assert (files.quota.files, files.quota.bytes) == (1, 4096)


async def test_a_deletion_that_is_cancelled(tmp_path: Path) -> None:
    """A client that leaves while its file is deleted leaves neither a row nor bytes."""
    async with store(tmp_path) as batches:
        file = await uploaded(batches.files, b"a")
        deletion = asyncio.create_task(batches.files.delete(file.id, OWNER))
        await asyncio.sleep(0)
        deletion.cancel()
        await asyncio.wait([deletion])

        assert deletion.cancelled()
        assert list(batches.folder.files.iterdir()) == []
        assert (batches.files.quota.files, batches.files.quota.bytes) == (0, 0)


async def test_what_a_killed_server_has_begun(tmp_path: Path) -> None:
    """Bytes that are not in the index are removed at the start; the quota counts what is left."""
    async with store(tmp_path) as batches:
        file = await uploaded(batches.files, bytes(5000))
    (tmp_path / "files" / "file-orphan").write_bytes(b"a")
    (tmp_path / "uploads" / "begun").write_bytes(b"a")

    async with store(tmp_path) as batches:
        again = await uploaded(batches.files, b"a")

        assert not (tmp_path / "files" / "file-orphan").exists()
        assert list((tmp_path / "uploads").iterdir()) == []
        assert (batches.files.quota.files, batches.files.quota.bytes) == (2, 5000 + 4096)
        assert again.id > file.id


async def test_several_files_at_once(tmp_path: Path) -> None:
    """Files are stored all in one transaction, with what else is in it, or not at all."""
    async with store(tmp_path / "batches") as batches:
        paths = [batches.folder.running / name for name in "ab"]

        def fail(connection: sqlite3.Connection, _stored: list[StoredFile]) -> None:
            connection.execute("DELETE FROM nothing")

        with pytest.raises(sqlite3.OperationalError):
            await batches.files.adopt(*map(new, paths), also=fail)
        after_failure = await batches.files.page(OWNER, limit=10)
        left = [path.exists() for path in paths]
        stored = await batches.files.adopt(*map(new, paths))
        page = await batches.files.page(OWNER, limit=10, order="asc")

        assert after_failure.files == []
        assert left == [True, True]
        assert page.files == stored
        assert not any(path.exists() for path in paths)
        assert {path.name for path in batches.folder.files.iterdir()} == {
            file.id for file in stored
        }


async def test_a_file_that_is_read_while_it_is_deleted(tmp_path: Path) -> None:
    """Whoever has a file open, or a link to it, keeps its bytes."""
    async with store(tmp_path) as batches:
        file = await uploaded(batches.files, b"abc")
        link = batches.folder.running / "input"
        await batches.files.link(file, link)
        with await batches.files.opened(file) as content:
            await batches.files.delete(file.id, OWNER)

            assert content.read() == b"abc"
        assert link.read_bytes() == b"abc"
        with pytest.raises(UnknownFile):
            await batches.files.opened(file)
        with pytest.raises(UnknownFile):
            await batches.files.link(file, batches.folder.running / "other")


async def test_a_full_disk(tmp_path: Path) -> None:
    """An upload that the disk has no room for leaves nothing, on the disk or in the quota."""
    async with store(tmp_path) as batches:
        incoming = batches.files.incoming()
        incoming.file.close()
        incoming.file = Path("/dev/full").open("wb")  # noqa: ASYNC230, SIM115  `close` closes it
        incoming.add(bytes(2 << 20))

        with pytest.raises(StorageFull):
            await incoming.write()
        incoming.close()

        assert list(batches.folder.uploads.iterdir()) == []
        batches.files.quota.check(batches.settings.max_bytes)


async def fill(files: Files) -> None:
    """Store files without end."""
    while True:
        await uploaded(files, b"a")


async def test_an_index_without_room(tmp_path: Path) -> None:
    """A file whose row does not fit on the disk is refused, and leaves nothing."""
    async with store(tmp_path) as batches:
        await batches.database.run(lambda index: index.execute("PRAGMA max_page_count = 1"))

        with pytest.raises(StorageFull):
            await fill(batches.files)

        names = {path.name for path in batches.folder.files.iterdir()}
        page = await batches.files.page(OWNER, limit=100)
        assert names == {file.id for file in page.files}
        assert batches.files.quota.files == len(names)
        assert list(batches.folder.uploads.iterdir()) == []


async def test_the_quota_counts_what_arrives(tmp_path: Path) -> None:
    """Uploads in progress count; empty files count as a block each; a failed one is released."""
    async with store(tmp_path, max_bytes=1 << 20) as batches:
        incoming = batches.files.incoming()
        incoming.add(bytes((1 << 20) - 4096))
        await uploaded(batches.files, b"")

        with pytest.raises(QuotaExceeded):
            batches.files.incoming()
        incoming.close()

        batches.files.incoming().close()


async def test_pages_of_many_files(tmp_path: Path) -> None:
    """A page of 5,000 files, and the last of 50, take a few milliseconds each."""
    async with store(tmp_path) as batches:
        rows = [(batches.files.ids.new("file-"), OWNER) for _ in range(5000)]
        statement = "INSERT INTO files VALUES (?, ?, 'batch', 'a', 1, 1, 9999999999)"
        await batches.database.run(lambda connection: connection.executemany(statement, rows))

        began = time.thread_time()
        whole = await batches.files.page(OWNER, limit=10_000)
        last = await batches.files.page(OWNER, purpose="batch", limit=100, after=rows[100][0])
        seconds = time.thread_time() - began

        assert [file.id for file in whole.files] == [id_ for id_, _ in rows[::-1]]
        assert not whole.has_more
        assert [file.id for file in last.files] == [id_ for id_, _ in rows[99::-1]]
        assert seconds < 0.5


def test_ids_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids sort in the order in which they were made, also over a restart."""
    monkeypatch.setattr(time, "time_ns", iter((20, 10, 10, 5)).__next__)
    ids = Ids()

    made = [ids.new(""), ids.new(""), ids.new("")]
    made.append(Ids(made[-1]).new(""))

    assert made == sorted(made)
    assert len(set(made)) == 4


def test_one_server_at_a_time(tmp_path: Path) -> None:
    """A second server does not start on the same directory; one after the first does."""
    with held(tmp_path), pytest.raises(FolderUnusable, match="another server"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    """A directory that cannot be made is an error with its name; so is an index of the future."""
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(FolderUnusable, match="file/below: Not a directory"):
        held(tmp_path / "file" / "below").__enter__()


async def test_an_index_of_a_later_version(tmp_path: Path) -> None:
    """An index that a later version has made is not touched."""
    with sqlite3.connect(tmp_path / "index.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(FolderUnusable, match="later version"):
        async with store(tmp_path):
            pass
