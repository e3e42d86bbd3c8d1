"""Rows put into tables: unless they are there, in the place of what is there, or thousands at a time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect, Table

from tradectl.ledger.engine import driver
from tradectl.ledger.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its unique key is taken; whether it was inserted. The database decides, not a look before."""
    return _insert_new(table, connection.dialect.name).change(connection, values) == 1


def put_rows(connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; where the unique `key` is taken, a row takes the place of what stands there and keeps its id."""
    _put(table, key, connection.dialect.name).change_each(connection, rows)


def insert_many(
    connection: Connection, table: Table, shared: Mapping[str, Any], columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert thousands of new rows: `shared` values are the same in all, `columns` names those of `rows`. On SQLite they go
    straight to the driver, each value as its column's type has it: the statement's overhead is twice its work."""
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
    """How a column's type turns a value into what the driver takes."""
    return table.c[name].type.dialect_impl(dialect).bind_processor(dialect) or (lambda value: value)


@cache
def _insert_new(table: Table, dialect: str) -> Prepared:
    return Prepared(insert_into(table, dialect).on_conflict_do_nothing().inline())


@cache
def _put(table: Table, key: tuple[str, ...], dialect: str) -> Prepared:
    row = insert_into(table, dialect)
    others = [column.name for column in table.c if column.name not in key and not column.primary_key]
    return Prepared(row.on_conflict_do_update(index_elements=key, set_={name: row.excluded[name] for name in others}).inline())


def insert_into(table: Table, dialect: str) -> Any:
    """An INSERT that has a word for conflicts, which is not part of the common language."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert as postgres_insert

    return postgres_insert(table)
