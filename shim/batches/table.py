"""The table of batches in the index: what is known of each one, whatever process runs it."""

import sqlite3

import msgspec

from .batch import Batch
from .store.database import Database

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS batches (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        is_final INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        record BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS batches_of_owner ON batches (owner, id)",
)
"""Ids sort by time; `record` is a Batch in JSON."""

Values = tuple[str | int, ...]


class Table:
    """The batches in the index."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self) -> list[Batch]:
        """Make the table if there is none; return the batches that are not final, oldest first."""
        await self._database.run(_prepare)
        return await self._find("NOT is_final ORDER BY id", ())

    async def save(self, batch: Batch) -> None:
        """Add *batch*, or replace its record."""
        await self._database.run(lambda connection: save(connection, batch))

    async def get(self, batch_id: str, owner: str) -> Batch | None:
        """Return the batch of *owner* with that id; None if there is none."""
        found = await self._find("id = ? AND owner = ?", (batch_id, owner))
        return found[0] if found else None

    async def page(self, owner: str, *, limit: int, after: str | None) -> list[Batch]:
        """Return up to *limit* batches of *owner* that are older than *after*, newest first.

        *after* need not exist; None: from the newest one.
        """
        older, values = ("AND id < ?", (after,)) if after is not None else ("", ())
        return await self._find(
            f"owner = ? {older} ORDER BY id DESC LIMIT ?", (owner, *values, limit)
        )

    async def since(self, owner: str, created_at: int) -> list[Batch]:
        """Return the batches of *owner* made at *created_at* or later, newest first."""
        return await self._find(
            "owner = ? AND created_at >= ? ORDER BY id DESC", (owner, created_at)
        )

    async def forget(self, created_before: int) -> None:
        """Delete the final batches that were made before *created_before*."""
        await self._database.run(
            lambda connection: connection.execute(
                "DELETE FROM batches WHERE is_final AND created_at < ?", (created_before,)
            )
        )

    async def _find(self, where: str, values: Values) -> list[Batch]:
        query = f"SELECT record FROM batches WHERE {where}"  # noqa: S608  our own words
        rows = await self._database.run(
            lambda connection: connection.execute(query, values).fetchall()
        )
        return [msgspec.json.decode(record, type=Batch) for (record,) in rows]


def save(connection: sqlite3.Connection, batch: Batch) -> None:
    """Add *batch*, or replace its record, in the transaction of *connection*."""
    connection.execute(
        "INSERT OR REPLACE INTO batches (id, owner, is_final, created_at, record) "
        "VALUES (?, ?, ?, ?, ?)",
        (
            batch.id,
            batch.owner,
            batch.is_final,
            batch.created_at,
            msgspec.json.encode(batch),
        ),
    )


def _prepare(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)
