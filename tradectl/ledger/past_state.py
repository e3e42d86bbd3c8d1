"""Rebuild the rows of a ledger as they were at an entry of its journal, and write them into another ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, Table

from tradectl.ledger.engine import Database, driver
from tradectl.ledger.journal import Entry
from tradectl.ledger.journal_triggers import DELETE
from tradectl.ledger.schema import metadata, task_executions
from tradectl.ledger.types import Moment

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
"""The rows of each table, by the journal's key of the row."""


def rows_after(entries: Iterable[Entry], before: Rows | None = None) -> Rows:
    """Return the rows after these entries, which follow the state `before`. `before` stays as it is."""
    state: Rows = {name: dict(rows) for name, rows in (before or {}).items()}
    for entry in entries:
        rows = state.setdefault(entry.record, {})
        if entry.change == DELETE:
            rows.pop(entry.row_key, None)
            continue
        row = json.loads(entry.content)
        if entry.record == task_executions.name:
            first = rows.get(entry.row_key, {}).get("started_at", entry.at)
            row |= {"started_at": first, "finished_at": entry.at if row["status"] != "running" else None, "result": "{}"}
        rows[entry.row_key] = row
    return state


def changed_rows(before: Rows, after: Rows, table: str) -> list[Row]:
    """Return the rows of a table that are new or differ, in the order of their first entry."""
    old = before.get(table, {})
    return [row for key, row in after.get(table, {}).items() if row != old.get(key)]


def write_rows(target: Database, state: Mapping[str, Iterable[Row]]) -> None:
    """Write rows into a new SQLite ledger as the journal has them, parents first."""
    with target.write() as connection:
        file = driver(connection)
        for table in metadata.sorted_tables:
            for row in state.get(table.name, ()):
                names = [name for name in row if name in table.c]
                marks = ", ".join("?" * len(names))
                listed = ", ".join(f'"{name}"' for name in names)
                statement = f'INSERT OR REPLACE INTO "{table.name}" ({listed}) VALUES ({marks})'
                file.execute(statement, [stored(table.c[name], row[name]) for name in names])


def stored(column: Column[Any], value: Any) -> Any:
    """Return a journalled value as SQLite stores it. PostgreSQL writes moments and truth values in another form."""
    if value is None:
        return None
    if isinstance(column.type, Moment):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(column.type, Boolean):
        return int(value)
    return value


def current_rows(database: Database, table: Table, where: str = "1 = 1") -> list[Row]:
    """Return the current rows of a table as the journal would have them, in the order of the key. `where`: an SQL condition."""
    order = ", ".join(f'"{column.name}"' for column in table.primary_key) or "1"
    names = [column.name for column in table.columns]
    with database.read() as connection:
        cursor = connection.connection.cursor()
        listed = ", ".join(f'"{name}"' for name in names)
        cursor.execute(f'SELECT {listed} FROM "{table.name}" WHERE {where} ORDER BY {order}')
        found = cursor.fetchall()
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in found]


def _plain(value: Any) -> Any:
    """Return a driver's value as JSON has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if hasattr(value, "isoformat") else value
