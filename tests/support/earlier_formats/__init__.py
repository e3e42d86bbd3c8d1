"""Files as an earlier state of the program wrote them: its own SQL, with the rows of a file of today.

`ledger_0003.sql` has the tables, indexes and triggers of the ledger at revision 0003; `paper_1.sql` made the paper exchange's
file of version 1, `paper_2.sql` and `paper_3.sql` changed it to the next one.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

FOLDER = Path(__file__).parent
RENAMED = {"journal": "cash_entries"}
"""Tables of the paper exchange's file under their earlier names."""


def ledger_at_0003(file: Path) -> None:
    """Replace a ledger by one of revision 0003 with the same rows. Columns that came later are left out."""
    tables, triggers = (FOLDER / "ledger_0003.sql").read_text(encoding="utf-8").split("CREATE TRIGGER", 1)
    _replace(file, tables, {}, ["UPDATE alembic_version SET version_num = '0003'"], f"CREATE TRIGGER{triggers}")


def paper_file_of_version(version: int, file: Path) -> None:
    """Replace a paper exchange's file by one of an earlier version with the same rows."""
    steps = [(FOLDER / f"paper_{number}.sql").read_text(encoding="utf-8") for number in range(1, version + 1)]
    _replace(file, "".join(steps), RENAMED, [f"PRAGMA user_version = {version}"])


def _replace(file: Path, tables: str, renamed: dict[str, str], changes: list[str], triggers: str = "") -> None:
    now = file.with_suffix(".now")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM INTO ?", (str(now),))
    for path in file.parent.glob(f"{file.name}*"):
        if path.name in {file.name, f"{file.name}-wal", f"{file.name}-shm"}:
            path.unlink()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(tables)
        connection.execute("ATTACH ? AS now", (str(now),))
        for (name,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if name.startswith("sqlite_"):
                continue
            columns = ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA main.table_info({name})"))
            source = renamed.get(name, name)
            connection.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM now.{source}")
        connection.execute("DETACH now")
        for change in changes:
            connection.execute(change)
        connection.executescript(triggers)
    now.unlink()
