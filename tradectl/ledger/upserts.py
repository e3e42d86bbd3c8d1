"""Insert rows: only if the key is new, or as a replacement, or thousands at a time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect, Table

from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import driver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its unique key exists; return whether it was inserted. The database decides, not an earlier read."""
    return _insert_new(table, connection.dialect.name).execute(connection, values) == 1


def insert_new_id(connection: Connection, table: Table, values: Mapping[str, Any]) -> int | None:
    """Insert a row unless its unique key is taken; return its id, None where the key was taken."""
    found: int | None = _insert_new_id(table, connection.dialect.name).scalar(connection, values)
    return found


def upsert_rows(connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows. If the unique `key` exists, update that row, which keeps its id."""
    _upsert(table, key, connection.dialect.name).execute_many(connection, rows)


def insert_many(
    connection: Connection, table: Table, shared: Mapping[str, Any], columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert thousands of new rows.

    On SQLite the driver is called directly, with values converted by the columns' types. SQLAlchemy would take three times as
    long.

    Args:
        shared: Values that are the same in all rows, by column.
        columns: The columns of `rows`.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) | dict(shared) for row in rows])
        return
    names = (*shared, *columns)
    bound = [_as_stored(table, name, connection.dialect) for name in names]
    fixed = tuple(bind(value) for bind, value in zip(bound, shared.values(), strict=False))
    binds = bound[len(fixed) :]
    quoted = ", ".join(f'"{name}"' for name in names)
    statement = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({", ".join("?" * len(names))})'
    values = (fixed + tuple(bind(value) for bind, value in zip(binds, row, strict=True)) for row in rows)
    driver(connection).executemany(statement, values)


def _as_stored(table: Table, name: str, dialect: Dialect) -> Callable[[Any], Any]:
    """Return the function that converts a value of this column for the driver."""
    return table.c[name].type.dialect_impl(dialect).bind_processor(dialect) or (lambda value: value)


@cache
def _insert_new(table: Table, dialect: str) -> CompiledStatement:
    return CompiledStatement(insert_into(table, dialect).on_conflict_do_nothing().inline())


@cache
def _insert_new_id(table: Table, dialect: str) -> CompiledStatement:
    return CompiledStatement(insert_into(table, dialect).on_conflict_do_nothing().returning(table.c.id))


@cache
def _upsert(table: Table, key: tuple[str, ...], dialect: str) -> CompiledStatement:
    row = insert_into(table, dialect)
    others = [column.name for column in table.c if column.name not in key and not column.primary_key]
    return CompiledStatement(
        row.on_conflict_do_update(index_elements=key, set_={name: row.excluded[name] for name in others}).inline()
    )


def insert_into(table: Table, dialect: str) -> Any:
    """Return an INSERT of this dialect. SQLAlchemy's general INSERT has no ON CONFLICT."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert as postgres_insert

    return postgres_insert(table)
