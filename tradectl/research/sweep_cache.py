"""Cache the results of sweeps, so that a stopped sweep can continue and a larger one can reuse known results.

The cache is one SQLite file in the home. A result has the key study, setting and part. Equal keys always have equal bytes, so
several processes may write the same result.
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
"""Seconds to wait while another sweep writes."""


class SweepCache:
    """Store and return the results of one study. Methods raise DatabaseError."""

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
        """Return one result; None if it is not stored."""
        with database_errors(self.path):
            query = "SELECT trades FROM results WHERE study = ? AND setting = ? AND part = ?"
            row = self.db.execute(query, [self.study, setting, part]).fetchone()
        return ClosedTrades.unpacked(row[0]) if row else None

    def put(self, part: str, results: Iterable[tuple[str, bytes]]) -> None:
        """Store packed results of a part in one transaction, each with the key of its setting."""
        rows = [{"study": self.study, "setting": setting, "part": part, "trades": packed} for setting, packed in results]
        with database_errors(self.path), self.db.atomic():
            self.db.table("results").insert_all(rows, replace=True)

    def forget(self) -> None:
        """Delete the results of this study."""
        with database_errors(self.path), self.db.atomic():
            self.db.execute("DELETE FROM results WHERE study = ?", [self.study])

    def close(self) -> None:
        """Close the cache file."""
        self.db.close()
