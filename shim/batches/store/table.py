"""The table of files in the index: SQL, in functions that a transaction of `Database` runs."""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from shim.errors import UnknownFile

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS files (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        purpose TEXT NOT NULL,
        filename TEXT NOT NULL,
        size INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS files_of_owner ON files (owner, id)",
    "CREATE INDEX IF NOT EXISTS files_of_purpose ON files (owner, purpose, id)",
    "CREATE INDEX IF NOT EXISTS files_by_expiry ON files (expires_at)",
)

Order: TypeAlias = Literal["asc", "desc"]
"""From the oldest to the newest, or the other way."""


class StoredFile(Struct, frozen=True, kw_only=True):
    """A row of the index: a file and whose it is."""

    id: str
    owner: str
    """The hexadecimal digest of the key that it belongs to; empty on a server without keys."""
    purpose: str
    filename: str
    """The client's name for it; nothing is looked up by that."""
    size: int
    """Bytes."""
    created_at: int
    """Unix seconds."""
    expires_at: int
    """Unix seconds: from then on it is gone."""


def prepare(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Make the table if there is none; return the id and the size of each file."""
    for statement in _SCHEMA:
        connection.execute(statement)
    return [tuple(row) for row in connection.execute("SELECT id, size FROM files")]


def insert(connection: sqlite3.Connection, files: Iterable[StoredFile]) -> None:
    """Insert *files*."""
    names = StoredFile.__struct_fields__
    values = ", ".join(f":{name}" for name in names)
    connection.executemany(
        f"INSERT INTO files ({', '.join(names)}) VALUES ({values})",  # noqa: S608  our own names
        ({name: getattr(file, name) for name in names} for file in files),
    )


def find(connection: sqlite3.Connection, id_: str, owner: str) -> StoredFile:
    """Return the file *id_* of *owner*; raise UnknownFile, also if it has expired."""
    found = _select(
        connection,
        "id = :id AND owner = :owner AND expires_at > :now",
        {"id": id_, "owner": owner, "now": time.time()},
    )
    if not found:
        raise unknown(id_)
    return found[0]


def unknown(id_: str) -> UnknownFile:
    """Return the error for an id that is not of any file of the client's, in OpenAI's words."""
    return UnknownFile(f"No such File object: {id_}", param="id")


def page(
    connection: sqlite3.Connection,
    owner: str,
    *,
    purpose: str | None,
    limit: int,
    order: Order,
    after: str | None,
) -> list[StoredFile]:
    """Return up to *limit* files of *owner* and *purpose* that follow the id *after*.

    *after* need not exist. None: from the beginning, and of all purposes.
    """
    conditions = "owner = :owner AND expires_at > :now"
    if purpose is not None:
        conditions += " AND purpose = :purpose"
    if after is not None:
        conditions += " AND id < :after" if order == "desc" else " AND id > :after"
    values = {
        "owner": owner,
        "now": time.time(),
        "purpose": purpose,
        "after": after,
        "limit": limit,
    }
    return _select(connection, f"{conditions} ORDER BY id {order} LIMIT :limit", values)


def delete(connection: sqlite3.Connection, id_: str, owner: str) -> list[StoredFile]:
    """Delete the row of the file *id_* of *owner*, and return it; raise UnknownFile."""
    file = find(connection, id_, owner)
    connection.execute("DELETE FROM files WHERE id = ?", (id_,))
    return [file]


def delete_expired(connection: sqlite3.Connection) -> list[StoredFile]:
    """Delete the rows of the files that have expired, and return them."""
    now = {"now": time.time()}
    files = _select(connection, "expires_at <= :now", now)
    connection.execute("DELETE FROM files WHERE expires_at <= :now", now)
    return files


def _select(
    connection: sqlite3.Connection, conditions: str, values: Mapping[str, Any]
) -> list[StoredFile]:
    statement = f"SELECT * FROM files WHERE {conditions}"  # noqa: S608  no client's text
    return [StoredFile(**row) for row in connection.execute(statement, values)]
