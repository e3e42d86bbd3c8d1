"""Compile each frequent statement once with SQLAlchemy, and run its text directly with the driver.

SQLAlchemy's work for each run takes several times as long as SQLite's. The column types still convert every value, and errors of
the driver are raised as SQLAlchemy's errors.

This module reads attributes of SQLAlchemy's compiler that are not part of its documented interface, such as `binds`,
`positiontup`, `insert_prefetch` and `post_compile_params`. So pyproject.toml pins SQLAlchemy below its next minor version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc
from sqlalchemy.engine import result_tuple

if TYPE_CHECKING:
    from sqlalchemy import Delete, Insert, Select, Update
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.compiler import SQLCompiler

Convert = Callable[[Any], Any]
Values = Mapping[str, Any]
_NONE: Values = {}


class CompiledStatement:
    """A statement with named parameters (`bindparam`), compiled once for each dialect and set of parameter names.

    An INSERT or UPDATE sets the columns that `values` names. Each method raises a driver's error as SQLAlchemy's error. It raises
    TypeError for a statement without a fixed text: a list of unknown length (`in_`), or a column default that Python computes.
    """

    __slots__ = ("_compiled", "statement")

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, ...], _DialectStatement] = {}

    def all(self, connection: Connection, values: Values = _NONE) -> list[Any]:
        """Return every row."""
        return self._compile_for(connection, values).rows(connection, values)

    def first(self, connection: Connection, values: Values = _NONE) -> Any:
        """Return the first row; None if there is none."""
        rows = self.all(connection, values)
        return rows[0] if rows else None

    def one(self, connection: Connection, values: Values = _NONE) -> Any:
        """Return the first row; the caller expects exactly one. Raises NoResultFound if there is none."""
        rows = self.all(connection, values)
        if not rows:
            raise exc.NoResultFound("no row was found when one was required")
        return rows[0]

    def scalar(self, connection: Connection, values: Values = _NONE) -> Any:
        """Return the first column of the first row; None if there is no row."""
        row = self.first(connection, values)
        return row[0] if row is not None else None

    def scalars(self, connection: Connection, values: Values = _NONE) -> list[Any]:
        """Return the first column of every row."""
        return [row[0] for row in self.all(connection, values)]

    def execute(self, connection: Connection, values: Values = _NONE) -> int:
        """Run the statement; return how many rows it changed."""
        return self._compile_for(connection, values).execute(connection, values)

    def execute_many(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Run the statement once for each set of values. All sets have the same names."""
        if rows:
            self._compile_for(connection, rows[0]).execute_many(connection, rows)

    def _compile_for(self, connection: Connection, values: Values) -> _DialectStatement:
        key = (connection.dialect.name, *values)
        found = self._compiled.get(key)
        if found is None:
            compiled = self.statement.compile(dialect=connection.dialect, column_keys=[*values])
            found = self._compiled[key] = _DialectStatement(compiled, [*values])
        return found


class _DialectStatement:
    """A statement compiled for one dialect and one set of parameter names."""

    __slots__ = ("_columns", "_dialect", "_error", "_fixed", "_places", "_plain", "_readers", "_row", "_text")

    def __init__(self, compiled: SQLCompiler, names: Sequence[str]) -> None:
        dialect = self._dialect = compiled.dialect
        self._error: type[Exception] = dialect.loaded_dbapi.Error
        self._text = str(compiled)
        self._fixed, self._places = _arguments_of(compiled, names)
        self._plain = isinstance(self._fixed, list) and [place for place, _, _ in self._places] == [*range(len(self._fixed))]
        self._columns = list(compiled.statement.exported_columns)  # type: ignore[union-attr]
        self._row = result_tuple([str(column.key) for column in self._columns])
        self._readers: list[tuple[int, Convert]] | None = None

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        try:
            cursor = self._run(connection, values)
            found = cursor.fetchall()
        except self._error as error:
            raise self._as_sqlalchemy_error(error) from error
        if self._readers is None:
            self._readers = self._readers_of(cursor.description)
        return [self._row(self._read(row)) for row in found]

    def execute(self, connection: Connection, values: Values) -> int:
        try:
            return int(self._run(connection, values).rowcount)
        except self._error as error:
            raise self._as_sqlalchemy_error(error) from error

    def execute_many(self, connection: Connection, rows: Sequence[Values]) -> None:
        try:
            connection.connection.cursor().executemany(self._text, [self._arguments(values) for values in rows])
        except self._error as error:
            raise self._as_sqlalchemy_error(error) from error

    def _run(self, connection: Connection, values: Values) -> Any:
        cursor = connection.connection.cursor()
        cursor.execute(self._text, self._arguments(values))
        return cursor

    def _as_sqlalchemy_error(self, error: Exception) -> BaseException:
        """Return SQLAlchemy's error for a driver's error."""
        return exc.DBAPIError.instance(self._text, None, error, self._error)

    def _arguments(self, values: Values) -> Any:
        if self._plain:
            return [values[name] if writer is None else writer(values[name]) for _, name, writer in self._places]
        arguments = self._fixed.copy()
        for place, name, writer in self._places:
            value = values[name]
            arguments[place] = value if writer is None else writer(value)
        return arguments

    def _read(self, row: Sequence[Any]) -> Iterable[Any]:
        if not self._readers:
            return row
        values = list(row)
        for index, reader in self._readers:
            values[index] = reader(values[index])
        return values

    def _readers_of(self, description: Sequence[Sequence[Any]]) -> list[tuple[int, Convert]]:
        """Return the functions that convert the driver's values, by column index. They need the first result's description."""
        of_dialect = [column.type.dialect_impl(self._dialect) for column in self._columns]
        readers = [
            kind.result_processor(self._dialect, described[1]) for kind, described in zip(of_dialect, description, strict=True)
        ]
        return [(index, reader) for index, reader in enumerate(readers) if reader is not None]


def _arguments_of(compiled: SQLCompiler, names: Sequence[str]) -> tuple[Any, list[tuple[Any, str, Convert | None]]]:
    """Return the arguments that are the same in each run, and for each other value its place, name and conversion.

    The arguments are a list if the driver numbers parameters, and a dictionary if it names them. Raises TypeError for a statement
    without a fixed text, and if `names` and the parameters differ.
    """
    if compiled.post_compile_params or compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError(f"this statement has no fixed text, or columns with defaults that Python computes: {compiled}")
    needed = {name for name, bind in compiled.binds.items() if bind.required}
    if not needed <= set(names) <= set(compiled.binds):
        raise TypeError(f"{sorted(needed)} must be given, not {sorted(names)}: {compiled}")
    writers = {
        name: bind.type.dialect_impl(compiled.dialect).bind_processor(compiled.dialect) for name, bind in compiled.binds.items()
    }
    order: list[tuple[Any, str]] = (
        [*enumerate(compiled.positiontup)] if compiled.positiontup is not None else [(name, name) for name in compiled.binds]
    )
    fixed: Any = [None] * len(order) if compiled.positiontup is not None else {}
    for place, name in order:
        if name not in names:
            writer, value = writers[name], compiled.binds[name].value
            fixed[place] = value if writer is None else writer(value)
    return fixed, [(place, name, writers[name]) for place, name in order if name in names]
