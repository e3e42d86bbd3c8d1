"""Let the database report each change of the watched rows to `journal_pending`, and reject every change of `journal`.

A trigger sees each INSERT, UPDATE and DELETE in the transaction that makes it, whatever statement or program made it. At the
commit, `journal.py` moves the reports into the chain. The triggers follow from the columns of `schema.py`; `install` makes them
again after an upgrade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct
from sqlalchemy import Column, Table, text

from tradectl.ledger import schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

INSERT, UPDATE, DELETE, FOUND = "insert", "update", "delete", "found"
"""The kinds of changes. FOUND: the row was there when its table's journal began, or when an upgrade added a journalled column."""
EXECUTION_COLUMNS = ("id", "user", "task", "session_date", "slot", "status", "attempt", "owner", "trigger", "forced", "error")
"""The columns of an execution that are journalled: who ran what, and how it ended. A heartbeat is no entry."""


class Watched(Struct, frozen=True):
    """A table whose rows are journalled.

    Attributes:
        columns: The journalled columns. A change of other columns makes no entry.
        key: The columns that identify a row.
        secret: Columns whose value is never journalled in rows for which `is_secret` is true, a condition on `{row}`.
        only: A condition on `{row}`: which rows are journalled; empty: all.
    """

    table: Table
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()
    secret: frozenset[str] = frozenset()
    is_secret: str = ""
    only: str = ""

    @property
    def name(self) -> str:
        return self.table.name

    def journalled(self) -> tuple[Column[object], ...]:
        """Return the journalled columns in the order of the table."""
        return tuple(column for column in self.table.columns if not self.columns or column.name in self.columns)

    def content(self, row: str, *, sqlite: bool) -> str:
        """Return the SQL expression of a row's columns as JSON. `row`: NEW, OLD or an alias of the table."""
        pairs = ", ".join(f"'{column.name}', {self._value(column.name, row)}" for column in self.journalled())
        return f"json_object({pairs})" if sqlite else f"CAST(jsonb_build_object({pairs}) AS text)"

    def identity(self, row: str) -> str:
        """Return the SQL expression of a row's key, as text."""
        return " || ' ' || ".join(f"CAST({row}.{quoted(name)} AS text)" for name in self.key)

    def owner(self, row: str) -> str:
        """Return the SQL expression of the user of a row; an empty text without one."""
        return f'{row}."user"' if "user" in self.table.c else "''"

    def condition(self, *rows: str) -> str:
        """Return the SQL condition that one of the rows is journalled."""
        return " OR ".join(f"({self.only.format(row=row)})" for row in rows) if self.only else "1 = 1"

    def _value(self, name: str, row: str) -> str:
        value = f"{row}.{quoted(name)}"
        return f"CASE WHEN {self.is_secret.format(row=row)} THEN NULL ELSE {value} END" if name in self.secret else value


WATCHED = (
    Watched(schema.users, ("user",)),
    Watched(schema.user_trading_config, ("user", "key")),
    Watched(schema.user_settings, ("user", "key"), secret=frozenset({"value"}), is_secret="{row}.secret"),
    Watched(schema.task_schedules, ("user", "task")),
    Watched(schema.task_executions, ("id",), columns=EXECUTION_COLUMNS),
    Watched(schema.signals, ("id",)),
    Watched(schema.buy_approvals, ("user", "session_date")),
    Watched(schema.strategy_texts, ("user", "hash")),
    Watched(schema.strategy_checks, ("user", "hash"), columns=("user", "hash", "name", "passed", "checked_at")),
    Watched(schema.user_strategies, ("user", "name")),
    Watched(schema.positions, ("id",)),
    Watched(schema.orders, ("id",)),
    Watched(schema.fills, ("id",)),
    Watched(schema.adjustments, ("id",)),
    Watched(schema.notes, ("id",)),
    Watched(schema.outside_trades, ("user", "session_date", "exchange", "trade_id")),
    Watched(
        schema.database_info,
        ("key",),
        only="{row}.key IN ('mode', 'clock', 'created_at') OR substr({row}.key, 1, 6) = 'armed.'",
    ),
)
"""The journalled tables. Log lines, messages, statistics and the decisions of `why` are not among them."""


def quoted(name: str) -> str:
    """Return a column's name for a statement; `user` is a keyword of PostgreSQL."""
    return f'"{name}"'


def install(connection: Connection) -> None:
    """Make all triggers, again if they exist. Journal the rows of a table that had no trigger for one of its columns before."""
    sqlite = connection.dialect.name == "sqlite"
    known = installed(connection)
    for statement in drops(known, sqlite=sqlite):
        connection.execute(text(statement))
    for watched in WATCHED:
        own = (f"journal_{watched.name}", *(f"journal_{watched.name}_{change}" for change in (INSERT, UPDATE, DELETE)))
        before = " ".join(known.get(name, "") for name in own)
        if any(f"'{column.name}', " not in before for column in watched.journalled()):
            connection.execute(text(_baseline(watched, sqlite=sqlite)))
    for _, statements in sorted(expected(sqlite=sqlite).items()):
        for statement in statements:
            connection.exec_driver_sql(statement)


def drops(names: Iterable[str], *, sqlite: bool) -> Iterator[str]:
    """Yield the statements that remove the triggers `names`."""
    for name in sorted(names):
        yield f"DROP TRIGGER {name}" if sqlite else f"DROP TRIGGER {name} ON {_table_of(name)}"


def installed(connection: Connection) -> dict[str, str]:
    """Return the journal's triggers in a database, with a text that changes with what they do."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql AS definition FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'journal%'"
    else:
        query = (
            "SELECT tgname AS name, CAST(tgenabled AS text) || ' ' || pg_get_triggerdef(t.oid) || ' ' || p.prosrc AS definition "
            "FROM pg_trigger t "
            "JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE tgname LIKE 'journal%' AND c.relnamespace = to_regnamespace(current_schema())"
        )
    return {row.name: row.definition for row in connection.execute(text(query))}


def altered(connection: Connection) -> list[str]:
    """Return the names of the triggers that are missing, disabled or not the ones that `install` makes."""
    sqlite = connection.dialect.name == "sqlite"
    found = installed(connection)

    def intact(name: str, statements: tuple[str, ...]) -> bool:
        definition = found.get(name, "")
        if sqlite:
            return definition == statements[-1]
        body = statements[0].split("$$")[1]
        return definition.startswith("O ") and definition.endswith(body)

    return sorted(name for name, statements in expected(sqlite=sqlite).items() if not intact(name, statements))


@cache
def expected(*, sqlite: bool) -> Mapping[str, tuple[str, ...]]:
    """Return the statements that make each trigger, by its name; on PostgreSQL a function comes first."""
    made: dict[str, tuple[str, ...]] = {}
    for watched in WATCHED:
        made |= _sqlite_triggers(watched) if sqlite else _postgres_trigger(watched)
    if sqlite:
        for change in (UPDATE, DELETE):
            made[f"journal_keeps_{change}"] = (
                f"CREATE TRIGGER journal_keeps_{change} BEFORE {change.upper()} ON journal "
                "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
            )
        made["journal_keeps_entries"] = (  # INSERT OR REPLACE fires no trigger of UPDATE or DELETE
            "CREATE TRIGGER journal_keeps_entries BEFORE INSERT ON journal "
            "WHEN EXISTS (SELECT 1 FROM journal WHERE seq = NEW.seq) "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
        )
    else:
        function = (
            "CREATE OR REPLACE FUNCTION journal_keeps() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
        )
        trigger = (
            "CREATE TRIGGER journal_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
            "FOR EACH STATEMENT EXECUTE FUNCTION journal_keeps()"
        )
        made["journal_keeps"] = (function, trigger)
    return made


def _report(watched: Watched, change: str, row: str, *, sqlite: bool) -> str:
    """Return the INSERT that reports a change of one row."""
    return (
        f'INSERT INTO journal_pending ("user", record, row_key, change, content) VALUES '
        f"({watched.owner(row)}, '{watched.name}', {watched.identity(row)}, '{change}', {watched.content(row, sqlite=sqlite)})"
    )


def _differs(watched: Watched, test: str) -> str:
    return " OR ".join(f"OLD.{quoted(column.name)} {test} NEW.{quoted(column.name)}" for column in watched.journalled())


def _sqlite_triggers(watched: Watched) -> dict[str, tuple[str, ...]]:
    conditions = {
        INSERT: watched.condition("NEW"),
        UPDATE: f"({watched.condition('OLD', 'NEW')}) AND ({_differs(watched, 'IS NOT')})",
        DELETE: watched.condition("OLD"),
    }
    return {
        f"journal_{watched.name}_{change}": (
            f"CREATE TRIGGER journal_{watched.name}_{change} AFTER {change.upper()} ON {watched.name} WHEN {condition} "
            f"BEGIN {_report(watched, change, 'OLD' if change == DELETE else 'NEW', sqlite=True)}; END",
        )
        for change, condition in conditions.items()
    }


def _postgres_trigger(watched: Watched) -> dict[str, tuple[str, ...]]:
    name = f"journal_{watched.name}"
    new, old = (_report(watched, "{change}", row, sqlite=False) for row in ("NEW", "OLD"))
    body = (
        f" BEGIN IF TG_OP = 'INSERT' THEN IF {watched.condition('NEW')} THEN {new.replace('{change}', INSERT)}; END IF; "
        f"ELSIF TG_OP = 'UPDATE' THEN IF ({watched.condition('OLD', 'NEW')}) AND ({_differs(watched, 'IS DISTINCT FROM')}) "
        f"THEN {new.replace('{change}', UPDATE)}; END IF; "
        f"ELSIF {watched.condition('OLD')} THEN {old.replace('{change}', DELETE)}; END IF; RETURN NULL; END "
    )
    function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET timezone TO 'UTC' AS $${body}$$"
    return {
        name: (
            function,
            f"CREATE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {watched.name} FOR EACH ROW EXECUTE FUNCTION {name}()",
        )
    }


def _baseline(watched: Watched, *, sqlite: bool) -> str:
    """Return the INSERT that reports each row of a table as found."""
    return (
        f'INSERT INTO journal_pending ("user", record, row_key, change, content) '
        f"SELECT {watched.owner('r')}, '{watched.name}', {watched.identity('r')}, '{FOUND}', "
        f"{watched.content('r', sqlite=sqlite)} FROM {watched.name} r WHERE {watched.condition('r')}"
    )


def _table_of(trigger: str) -> str:
    return "journal" if trigger == "journal_keeps" else trigger.removeprefix("journal_")
