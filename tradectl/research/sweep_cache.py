"""A cache of the results of sweeps, so that a stopped sweep continues and a larger one starts with known results.

It is one SQLite file in the home. The key of a result is its study, its setting and its part. Equal keys mean equal bytes, so it
does not matter which process writes them, or how often.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError
from tradectl.marketdata.archive import database_errors
from tradectl.research.closed_trades import ClosedTrades

if TYPE_CHECKING:
    from sqlite_utils import Database

FILE = "sweeps.db"
PATIENCE = 60
"""Seconds to wait for another sweep that is writing."""


class SweepCache:
    """The results of one study. Methods raise DatabaseError."""

    def __init__(self, home: Path, study: str) -> None:
        import sqlite_utils

        self.path, self.study = home / FILE, study
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(f"{home}: {error.strerror or error}") from error
        with database_errors(self.path):
            self.db: Database = sqlite_utils.Database(sqlite3.connect(self.path, timeout=PATIENCE))
            columns = {"study": str, "setting": str, "part": str, "trades": bytes}
            self.db.table("results").create(columns, pk=("study", "setting", "part"), if_not_exists=True)

    def get(self, setting: str, part: str) -> ClosedTrades | None:
        """Return one result, or None where it was not computed yet."""
        with database_errors(self.path):
            query = "SELECT trades FROM results WHERE study = ? AND setting = ? AND part = ?"
            row = self.db.execute(query, [self.study, setting, part]).fetchone()
        return ClosedTrades.unpacked(row[0]) if row else None

    def put(self, part: str, results: Iterable[tuple[str, bytes]]) -> None:
        """Store results, each by its setting, all or none of them."""
        rows = [{"study": self.study, "setting": setting, "part": part, "trades": packed} for setting, packed in results]
        with database_errors(self.path), self.db.atomic():
            self.db.table("results").insert_all(rows, replace=True)

    def forget(self) -> None:
        """Delete the results of this study."""
        with database_errors(self.path), self.db.atomic():
            self.db.execute("DELETE FROM results WHERE study = ?", [self.study])

    def close(self) -> None:
        """Close the file."""
        self.db.close()
