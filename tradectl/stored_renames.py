"""Read the list of renames from the archive, without any other library: each command compares the ledger with it."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import date
from pathlib import Path

from tradectl.errors import DatabaseError
from tradectl.freshness import ARCHIVE
from tradectl.model.renames import Rename, Renames

LOCK_SECONDS = 0.2
"""How long the list of renames may make a command wait for a lock. The next command or step tries again."""


def can_be_read(folder: Path) -> bool:
    """Return whether the list of renames can be read now, without a long wait for a lock. A folder without an archive counts."""
    try:
        read_renames(folder)
    except DatabaseError:
        return False
    return True


def read_renames(folder: Path) -> Renames | None:
    """Return the list of renames of a folder of market data; None without an archive.

    Raises DatabaseError for an archive that cannot be read, also if it is locked for `LOCK_SECONDS`.
    """
    path = folder / ARCHIVE
    if not path.exists():
        return None
    try:
        address = f"{path.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=LOCK_SECONDS)) as connection:
            rows = connection.execute("SELECT old, new, dated FROM renames").fetchall()
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: {error}") from error
    return Renames(Rename(old, new, date.fromisoformat(dated)) for old, new, dated in rows)
