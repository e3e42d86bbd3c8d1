"""Store all imported data in one SQLite file, the archive. Each import is one transaction.

An equal row changes nothing. If rows differ, snapshot tables take the new row, and `bars` takes the better row; other cases need
`replace`. The generation counts the transactions that changed data. Derived files store the generation.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import DatabaseError, DataError
from tradectl.freshness import archive_error, record
from tradectl.marketdata.schema import ARCHIVE, TABLES, Table, bring_forward
from tradectl.model.freshness import BARS
from tradectl.model.series import EQUITY_SERIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from sqlite_utils import Database

_PREFERENCE = {series: rank for rank, series in enumerate(EQUITY_SERIES)}
_ROW = "row_of_file"
FEW = 3
"""Minimum number of symbols that a session lacks to count as incomplete, as for `analyze`."""
_MONEY = {"open", "high", "low", "close", "tick_size"}
"""Columns in paise."""


class Merged(Struct, frozen=True):
    """Count the stored rows of one file by result."""

    new: int = 0
    same: int = 0
    replaced: int = 0
    removed: int = 0
    kept: int = 0
    """Rows that were not replaced because the stored row is better, such as a final bar or a row of series EQ."""

    @property
    def changed(self) -> bool:
        """Return whether the archive changed."""
        return bool(self.new or self.replaced or self.removed)


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Convert SQLite's errors to DatabaseError with one line that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise archive_error(path, error) from error


class Archive:
    """Open the archive of a folder for writing. A missing archive is created. Raises DatabaseError."""

    def __init__(self, folder: Path) -> None:
        import sqlite_utils

        self.folder = folder
        self.path = folder / ARCHIVE
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(f"{folder}: {error.strerror or error}") from error
        with database_errors(self.path):
            self.db: Database = sqlite_utils.Database(sqlite3.connect(self.path, timeout=30))
            bring_forward(self.db.conn)

    def close(self) -> None:
        self.db.close()

    def generation(self) -> int:
        """Return the number of transactions that changed data. Raises DatabaseError."""
        with database_errors(self.path):
            return int(self.db.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a block in one transaction. An exception inside the block leaves the archive unchanged."""
        with database_errors(self.path), self.db.atomic():
            yield

    def count_change(self) -> None:
        """Increase the generation, so that derived files are stale. Call it inside a transaction."""
        self.db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
        self.db.execute("INSERT INTO generations SELECT value, random() FROM meta WHERE key = 'generation'")

    def record_freshness(self, kind: str, as_of: date, at: datetime, source: str) -> None:
        """Record that data of a kind are stored up to `as_of`; an older date changes nothing."""
        with database_errors(self.path):
            record(self.db.conn, kind, as_of, at, source)

    def last_full_session(self, through: date) -> date | None:
        """Return the newest session up to `through` that has not few final bars; None if no session after the record has enough.

        Few are fewer than half of the bars of the recorded session, with at least `FEW` symbols less: a file of a few symbols
        completes no session, and `analyze` rejects it. Where lists of shares are stored, only their members count."""
        with database_errors(self.path):
            ((recorded,),) = self.db.execute("SELECT max(as_of) FROM freshness WHERE kind = ?", [BARS]).fetchall()
            if recorded is None or recorded >= through.isoformat():
                return through
            members = "AND symbol IN (SELECT symbol FROM lists)"
            counts = self._final_bars(recorded, through, members) or self._final_bars(recorded, through)
        usual = counts.pop(recorded, 0)
        full = [session for session, bars in counts.items() if usual - bars < FEW or usual - bars <= bars]
        return date.fromisoformat(max(full)) if full else None

    def _final_bars(self, first: str, last: date, where: str = "") -> dict[str, int]:
        """Return the number of final bars of each session from `first` to `last`."""
        query = f"SELECT session, count(*) FROM bars WHERE NOT provisional AND session BETWEEN ? AND ? {where} GROUP BY session"
        return {str(session): int(bars) for session, bars in self.db.execute(query, [first, last.isoformat()]).fetchall()}

    def record_file(self, name: str, sha256: str, kind: str, rows: int, at: datetime) -> int:
        """Record an imported file and return its id; the same content under the same name keeps its id."""
        known = self.db.execute("SELECT id FROM files WHERE sha256 = ? AND name = ?", [sha256, name]).fetchone()
        if known:
            return int(known[0])
        moment = at.astimezone(UTC).isoformat(timespec="seconds")
        row = {"name": name, "sha256": sha256, "kind": kind, "rows": rows, "imported_at": moment}
        self.db.table("files").insert(row)
        return int(self.db.execute("SELECT max(id) FROM files").fetchone()[0])

    def merge(self, table_name: str, frame: pd.DataFrame, file_id: int, *, replace: bool, source: str) -> Merged:
        """Store the rows of one file in a table. Call it inside a transaction.

        `source`: the file's name for messages. Raises DataError if a row contradicts a stored one and `replace` is False."""
        table = TABLES[table_name]
        removed = self._drop_former_members(frame) if table_name == "lists" else 0
        if table_name == "surveillance":
            removed = self._drop_former_entries(frame)
        joined = (
            frame[list(table.columns)]
            .assign(**{_ROW: frame.index})
            .merge(self._stored(table, frame), on=list(table.key), how="left", suffixes=("", "_stored"), indicator=True)
        )
        new = joined["_merge"] == "left_only"
        values = [column for column in table.columns if column not in table.key]
        differs = ~new & joined[values].ne(joined[[f"{column}_stored" for column in values]].set_axis(values, axis=1)).any(axis=1)
        kept = differs & False
        free = differs if table.snapshot else kept
        if table_name == "bars":
            rank, stored_rank = joined["series"].map(_PREFERENCE), joined["series_stored"].map(_PREFERENCE)
            kept = differs & ((rank > stored_rank) | (joined["provisional"] > joined["provisional_stored"]))
            free = differs & ((rank < stored_rank) | (joined["provisional"] < joined["provisional_stored"]))
        refused = differs & ~kept & ~free
        if refused.any() and not replace:
            raise _contradiction(source, table, joined[refused].iloc[0], int(refused.sum()))
        written = joined[new | (differs & ~kept)][list(table.columns)].assign(file=file_id)
        if len(written):
            rows = ({str(column): value for column, value in row.items()} for row in written.to_dict("records"))
            self.db.table(table_name).insert_all(rows, replace=True, batch_size=5000)
        same = int((~new & ~differs).sum())
        return Merged(int(new.sum()), same, int((differs & ~kept).sum()), removed, int(kept.sum()))

    def _stored(self, table: Table, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the stored rows that may have the same keys as the rows of the frame."""
        import pandas as pd

        bounds = [str(frame[table.narrow].min()), str(frame[table.narrow].max())]
        columns = ", ".join(f'"{column}"' for column in table.columns)
        query = f'SELECT {columns} FROM "{table.name}" WHERE "{table.narrow}" BETWEEN ? AND ?'
        rows = self.db.execute(query, bounds).fetchall()
        stored = pd.DataFrame(rows, columns=list(table.columns))
        return stored.astype(frame.dtypes[list(table.columns)].to_dict())

    def _drop_former_members(self, frame: pd.DataFrame) -> int:
        """Delete the stored members of a list that the new version lacks. Return their number."""
        name = str(frame["list"].iloc[0])
        members = set(frame["symbol"])
        stored = {row[0] for row in self.db.execute("SELECT symbol FROM lists WHERE list = ?", [name]).fetchall()}
        gone = sorted(stored - members)
        for symbol in gone:
            self.db.execute("DELETE FROM lists WHERE list = ? AND symbol = ?", [name, symbol])
        return len(gone)

    def _drop_former_entries(self, frame: pd.DataFrame) -> int:
        """Delete the stored entries that the new version of a dated surveillance list lacks. Return their number."""
        gone = 0
        for (dated, measure), own in frame.groupby(["dated", "measure"]):
            key = [str(dated), str(measure)]
            query = "SELECT symbol FROM surveillance WHERE dated = ? AND measure = ?"
            stored = {str(row[0]) for row in self.db.execute(query, key).fetchall()}
            for symbol in sorted(stored - set(own["symbol"])):
                self.db.execute("DELETE FROM surveillance WHERE dated = ? AND measure = ? AND symbol = ?", [*key, symbol])
                gone += 1
        return gone


def _contradiction(source: str, table: Table, row: pd.Series, how_many: int) -> DataError:
    """Return the error for rows that contradict stored ones. The message shows the first such row."""
    where = " ".join(str(row[column]) for column in table.key)
    told = [
        f"{column} {_shown(column, row[f'{column}_stored'])}, not {_shown(column, row[column])}"
        for column in table.columns
        if column not in table.key and row[column] != row[f"{column}_stored"]
    ]
    more = f" (and {how_many - 1} more rows)" if how_many > 1 else ""
    return DataError(f"{source} row {row[_ROW]}: {where} is stored with {told[0]}{more}; --replace stores the new values")


def _shown(column: str, value: object) -> str:
    """Return a value as text for a message. Prices are shown in rupees, as in files."""
    return f"Rs {float(str(value)) / 100:.2f}" if column in _MONEY else str(value)
