"""Define the tables of the archive with their columns and keys, and create the tables that are missing.

Prices are integers in paise. Dates are ISO text, which `sqlite-utils` and datasette show readably. No column is ever NULL.
"""

from __future__ import annotations

import sqlite3

from msgspec import Struct

from tradectl import freshness
from tradectl.model.series import EQUITY_SERIES

ARCHIVE = freshness.ARCHIVE
VERSION = 6
"""Version of the tables, stored in SQLite's user_version."""

DERIVED_FROM = ("bars", "lists", "securities", "renames", "actions", "surveillance")
"""Tables whose changes make the panel store and stored study results stale."""
_SHAPE = "CHECK (low > 0 AND low <= open AND low <= close AND high >= open AND high >= close), CHECK (volume >= 0)"


class Table(Struct, frozen=True):
    """Represent one table of the archive.

    Attributes:
        key: The columns that identify a row.
        narrow: The column by which stored rows are selected for comparison with new rows.
        snapshot: Whether rows of a newer file overwrite stored rows. In other tables, a contradicting row is rejected.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    narrow: str
    sql: str
    snapshot: bool = False


TABLES = {
    table.name: table
    for table in (
        Table(
            "bars",
            ("symbol", "session", "series", "open", "high", "low", "close", "volume", "provisional"),
            ("symbol", "session"),
            "session",
            f"""CREATE TABLE bars (
                symbol TEXT NOT NULL, session TEXT NOT NULL, series TEXT NOT NULL CHECK (series IN {EQUITY_SERIES}),
                open INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL,
                volume INTEGER NOT NULL, provisional INTEGER NOT NULL CHECK (provisional IN (0, 1)),
                file INTEGER NOT NULL REFERENCES files (id), PRIMARY KEY (symbol, session), {_SHAPE})""",
        ),
        Table(
            "minutes",
            ("symbol", "session", "minute", "open", "high", "low", "close", "volume"),
            ("symbol", "session", "minute"),
            "symbol",
            f"""CREATE TABLE minutes (
                symbol TEXT NOT NULL, session TEXT NOT NULL, minute INTEGER NOT NULL CHECK (minute >= 0),
                open INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL,
                volume INTEGER NOT NULL, file INTEGER NOT NULL REFERENCES files (id),
                PRIMARY KEY (symbol, session, minute), {_SHAPE})""",
        ),
        Table(
            "lists",
            ("list", "symbol", "name", "industry", "series", "isin"),
            ("list", "symbol"),
            "list",
            """CREATE TABLE lists (
                list TEXT NOT NULL, symbol TEXT NOT NULL, name TEXT NOT NULL, industry TEXT NOT NULL, series TEXT NOT NULL,
                isin TEXT NOT NULL, file INTEGER NOT NULL REFERENCES files (id), PRIMARY KEY (list, symbol))""",
            snapshot=True,
        ),
        Table(
            "securities",
            ("symbol", "name", "series", "isin", "listed_on"),
            ("symbol",),
            "symbol",
            """CREATE TABLE securities (
                symbol TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, series TEXT NOT NULL, isin TEXT NOT NULL,
                listed_on TEXT NOT NULL, file INTEGER NOT NULL REFERENCES files (id))""",
            snapshot=True,
        ),
        Table(
            "instruments",
            ("symbol", "dumped_on", "source", "series", "name", "isin", "token", "tick_size", "lot_size", "derivatives"),
            ("symbol", "dumped_on", "source"),
            "dumped_on",
            """CREATE TABLE instruments (
                symbol TEXT NOT NULL, dumped_on TEXT NOT NULL, source TEXT NOT NULL, series TEXT NOT NULL, name TEXT NOT NULL,
                isin TEXT NOT NULL, token TEXT NOT NULL, tick_size INTEGER NOT NULL CHECK (tick_size > 0),
                lot_size INTEGER NOT NULL, derivatives INTEGER NOT NULL CHECK (derivatives IN (-1, 0, 1)),
                file INTEGER NOT NULL REFERENCES files (id), PRIMARY KEY (symbol, dumped_on, source))""",
        ),
        Table(
            "underlyings",
            ("symbol", "dated", "source", "lot_size"),
            ("symbol", "dated", "source"),
            "dated",
            """CREATE TABLE underlyings (
                symbol TEXT NOT NULL, dated TEXT NOT NULL, source TEXT NOT NULL, lot_size INTEGER NOT NULL,
                file INTEGER NOT NULL REFERENCES files (id), PRIMARY KEY (dated, symbol, source))""",
            snapshot=True,
        ),
        Table(
            "surveillance",
            ("symbol", "dated", "measure", "stage", "isin"),
            ("dated", "measure", "symbol"),
            "dated",
            """CREATE TABLE IF NOT EXISTS surveillance (
                symbol TEXT NOT NULL, dated TEXT NOT NULL,
                measure TEXT NOT NULL CHECK (measure IN ('gsm', 'esm', 'asm_long', 'asm_short')),
                stage TEXT NOT NULL, isin TEXT NOT NULL, file INTEGER NOT NULL REFERENCES files (id),
                PRIMARY KEY (dated, measure, symbol))""",
            snapshot=True,
        ),
        Table(
            "renames",
            ("old", "dated", "new", "company"),
            ("old", "dated"),
            "dated",
            """CREATE TABLE renames (
                old TEXT NOT NULL, dated TEXT NOT NULL, new TEXT NOT NULL, company TEXT NOT NULL,
                file INTEGER NOT NULL REFERENCES files (id), PRIMARY KEY (old, dated))""",
        ),
        Table(
            "actions",
            ("symbol", "ex_date", "subject"),
            ("symbol", "ex_date", "subject"),
            "ex_date",
            """CREATE TABLE actions (
                symbol TEXT NOT NULL, ex_date TEXT NOT NULL, subject TEXT NOT NULL,
                file INTEGER NOT NULL REFERENCES files (id), PRIMARY KEY (symbol, ex_date, subject))""",
        ),
    )
}

SURVEILLANCE_BY_SYMBOL = "CREATE INDEX IF NOT EXISTS surveillance_by_symbol ON surveillance (symbol)"

OTHERS = (
    """CREATE TABLE files (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL, rows INTEGER NOT NULL,
        imported_at TEXT NOT NULL)""",
    "CREATE INDEX bars_by_session ON bars (session)",
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL)",
    "INSERT INTO meta VALUES ('generation', 0)",
)


DECISIONS = """CREATE TABLE IF NOT EXISTS action_decisions (
    symbol TEXT NOT NULL, ex_date TEXT NOT NULL, verdict TEXT NOT NULL CHECK (verdict IN ('set', 'ignore')),
    ratio TEXT NOT NULL, note TEXT NOT NULL, decided_at TEXT NOT NULL, PRIMARY KEY (symbol, ex_date))"""
"""The operator's decisions about the corporate actions of an ex-date. No import changes them.

`ratio`: new shares for one old such as `5` or `3/2`, or `demerger`; empty with `ignore`."""


def _stamped(event: str, row: str) -> str:
    """Return a trigger that records the session of a changed bar with the generation that is being written."""
    return f"""CREATE TRIGGER bars_{event.partition(" ")[0].lower()}_{row.lower()} AFTER {event} ON bars
        WHEN NOT EXISTS (SELECT 1 FROM session_changes WHERE session = {row}.session
                         AND generation > (SELECT value FROM meta WHERE key = 'generation'))
        BEGIN
            DELETE FROM session_changes WHERE session = {row}.session;
            INSERT INTO session_changes SELECT {row}.session, value + 1 FROM meta WHERE key = 'generation';
        END"""


HISTORY = (
    "CREATE TABLE generations (generation INTEGER PRIMARY KEY, mark INTEGER NOT NULL)",
    "INSERT INTO generations SELECT value, random() FROM meta WHERE key = 'generation'",
    "CREATE TABLE session_changes (session TEXT PRIMARY KEY NOT NULL, generation INTEGER NOT NULL)",
    """INSERT INTO session_changes
        SELECT session, value FROM bars JOIN meta ON key = 'generation' GROUP BY session""",
    _stamped("INSERT", "NEW"),
    _stamped("UPDATE", "NEW"),
    _stamped("UPDATE", "OLD"),
    _stamped("DELETE", "OLD"),
)
"""Tables that prove that a derived file may be extended.

They hold a random mark per generation, and for each session the last generation that changed one of its bars. Database triggers
record the changes, so a writer cannot omit them."""


def bring_forward(connection: sqlite3.Connection) -> None:
    """Create the missing tables in one transaction. Raises sqlite3.Error, also if a newer program wrote the file."""
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection)
        first = (*(table.sql for table in TABLES.values()), *OTHERS) if found < 1 else ()
        history = HISTORY if found < 2 else ()
        since = {"underlyings": 3, "surveillance": 4}
        added = tuple(TABLES[name].sql for name, version in since.items() if 0 < found < version)
        indices = (SURVEILLANCE_BY_SYMBOL,) if found < 4 else ()
        decisions = (DECISIONS,) if found < 5 else ()
        for statement in (
            *first,
            *history,
            *added,
            *indices,
            *decisions,
            freshness.FRESHNESS,
            f"PRAGMA user_version = {VERSION}",
        ):
            connection.execute(statement)
        connection.commit()
    finally:
        connection.rollback()


def _version(connection: sqlite3.Connection) -> int:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise sqlite3.DatabaseError(f"written by a newer tradectl (tables {found}, this one reads {VERSION}): update tradectl")
    return found
