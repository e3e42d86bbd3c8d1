"""The record of how current each kind of market data is: one table in the archive, read without any other library.

`status` and `analyze` read it before they load prices. `record` writes it inside the import that stores the data, so a record
never promises rows that are not there.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

from tradectl.errors import DatabaseError
from tradectl.model.freshness import Freshness

ARCHIVE = "archive.db"
"""The file of all imported market data, in the folder of the setting `market`."""
FRESHNESS = """CREATE TABLE IF NOT EXISTS freshness (
    kind TEXT PRIMARY KEY NOT NULL, as_of TEXT NOT NULL, fetched_at TEXT NOT NULL, source TEXT NOT NULL)"""
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""SQLite's codes for a file that is no database, or no sound one."""
_RECORD = """INSERT INTO freshness (kind, as_of, fetched_at, source) VALUES (?, ?, ?, ?)
    ON CONFLICT (kind) DO UPDATE SET as_of = excluded.as_of, fetched_at = excluded.fetched_at, source = excluded.source
    WHERE excluded.as_of >= freshness.as_of"""


def record(connection: sqlite3.Connection, kind: str, as_of: date, at: datetime, source: str) -> None:
    """Record that data of a kind are stored up to `as_of`. An older date leaves the record unchanged. Raises sqlite3.Error."""
    connection.execute(_RECORD, (kind, as_of.isoformat(), at.astimezone(UTC).isoformat(timespec="seconds"), source))


def archive_error(path: Path, error: sqlite3.Error) -> DatabaseError:
    """Return the error for an archive that SQLite cannot read or write, with what helps if the file is damaged."""
    if getattr(error, "sqlite_errorcode", None) in DAMAGED:
        anew = "move it away, then `tradectl prices --force` or `tradectl data import` fills a new one"
        return DatabaseError(f"{path} is damaged ({error}): {anew}")
    return DatabaseError(f"{path}: {error}")


def read_freshness(folder: Path) -> dict[str, Freshness]:
    """Return the records of a folder of market data by kind, in the order of the kinds' names; empty without an archive.

    Raises DatabaseError for an archive that cannot be read.
    """
    path = folder / ARCHIVE
    if not path.exists():
        return {}
    query = "SELECT kind, as_of, fetched_at, source FROM freshness ORDER BY kind"
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'freshness'").fetchone():
                return {}
            rows = connection.execute(query).fetchall()
    except sqlite3.Error as error:
        raise archive_error(path, error) from error
    return {row[0]: Freshness(row[0], date.fromisoformat(row[1]), datetime.fromisoformat(row[2]), row[3]) for row in rows}
