"""Read the archive and its generation through a read-only connection.

A derived file may be extended only if the archive was not replaced since. The number of the generation does not prove that,
because an archive restored from a copy counts the same numbers again. So each generation also has a random mark.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from tradectl.errors import DataError
from tradectl.freshness import archive_error
from tradectl.marketdata.schema import ARCHIVE, VERSION, bring_forward

Query = Callable[[str, tuple[object, ...]], list[tuple[object, ...]]]
"""Runs a query on the archive with its parameters and returns the rows."""


class Generation(Struct, frozen=True):
    """Identify a generation of an archive by its number and its random mark. Equal generations have the same rows."""

    number: int
    mark: int


def read_archive(folder: Path) -> sqlite3.Connection:
    """Return a read-only connection for any thread. Raises DataError without an archive, DatabaseError for SQLite's errors."""
    path = folder / ARCHIVE
    if not path.exists():
        raise DataError(f"no market data in {folder}: `tradectl prices --force` fetches six years, `tradectl data import` files")
    try:
        if path.with_name(f"{ARCHIVE}-journal").exists():
            _undo_half_an_import(path)
        connection = _connected(path, "ro")
        if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            connection.close()
            with contextlib.closing(_connected(path, "rw")) as writing:
                bring_forward(writing)
            connection = _connected(path, "ro")
    except sqlite3.Error as error:
        raise archive_error(path, error) from error
    return connection


def newest_generation(connection: sqlite3.Connection) -> Generation:
    """Return the generation of the archive that a connection reads. Raises sqlite3.Error."""
    return Generation(*connection.execute("SELECT generation, mark FROM generations ORDER BY generation DESC LIMIT 1").fetchone())


def goes_on_from(connection: sqlite3.Connection, earlier: Generation) -> bool:
    """Return whether the archive contains an earlier generation with the same mark."""
    found = connection.execute("SELECT mark FROM generations WHERE generation = ?", (earlier.number,)).fetchone()
    return found is not None and found[0] == earlier.mark


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=30, check_same_thread=False)


def _undo_half_an_import(path: Path) -> None:
    """Roll back an import that was killed or that filled the disk, by opening its journal through a writable connection.

    During a running import this changes nothing. The first import may not have made a table yet."""
    with contextlib.closing(_connected(path, "rw")) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
