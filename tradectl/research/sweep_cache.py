"""What was computed is kept, so that a sweep that was stopped goes on where it was, and a larger one begins with what there is.

One SQLite file in the home. A result is named by its study, its setting and what it is of; the same name always means the same
bytes, so it does not matter who writes it, or how often.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError
from tradectl.marketdata.archive import database_errors
from tradectl.research.closed import ClosedTrades

if TYPE_CHECKING:
    from sqlite_utils import Database

FILE = "sweeps.db"
PATIENCE = 60
"""Seconds to wait for another sweep that is writing."""


class SweepCache:
    """The results of one study. Raises DatabaseError."""

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
        """One result; None where it was not computed yet."""
        with database_errors(self.path):
            query = "SELECT trades FROM results WHERE study = ? AND setting = ? AND part = ?"
            row = self.db.execute(query, [self.study, setting, part]).fetchone()
        return ClosedTrades.unpacked(row[0]) if row else None

    def put(self, part: str, results: Iterable[tuple[str, bytes]]) -> None:
        """Keep results, each by its setting, all or none of them."""
        rows = [{"study": self.study, "setting": setting, "part": part, "trades": packed} for setting, packed in results]
        with database_errors(self.path), self.db.atomic():
            self.db.table("results").insert_all(rows, replace=True)

    def forget(self) -> None:
        """Throw away what is kept of this study."""
        with database_errors(self.path), self.db.atomic():
            self.db.execute("DELETE FROM results WHERE study = ?", [self.study])

    def close(self) -> None:
        self.db.close()
