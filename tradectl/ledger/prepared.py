"""Statements that are asked often: SQLAlchemy writes them out once, the driver runs them.

Building a statement's context anew costs several times what SQLite needs to run it. What a value becomes on its way into the
database and back is decided by the same column types as everywhere; a driver's error is told as SQLAlchemy tells it.
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


class Prepared:
    """A statement with named parameters (`bindparam`). Lists of unknown length (`in_`) have no fixed text, so they do not fit,
    nor do columns whose defaults Python makes: TypeError.

    An INSERT or UPDATE takes the columns that `values` names; each set of names is written out once. A driver's error is raised
    as SQLAlchemy raises it.
    """

    __slots__ = ("_forms", "statement")

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self.statement = statement
        self._forms: dict[tuple[str, ...], _Form] = {}

    def all(self, connection: Connection, values: Values = _NONE) -> list[Any]:
        """Every row."""
        return self._form(connection, values).rows(connection, values)

    def first(self, connection: Connection, values: Values = _NONE) -> Any:
        """The first row; None if there is none."""
        rows = self.all(connection, values)
        return rows[0] if rows else None

    def one(self, connection: Connection, values: Values = _NONE) -> Any:
        """The only row there can be. Raises NoResultFound."""
        rows = self.all(connection, values)
        if not rows:
            raise exc.NoResultFound("no row was found when one was required")
        return rows[0]

    def scalar(self, connection: Connection, values: Values = _NONE) -> Any:
        """The first column of the first row; None if there is no row."""
        row = self.first(connection, values)
        return row[0] if row is not None else None

    def scalars(self, connection: Connection, values: Values = _NONE) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self.all(connection, values)]

    def change(self, connection: Connection, values: Values = _NONE) -> int:
        """Run it; how many rows were changed."""
        return self._form(connection, values).change(connection, values)

    def change_each(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Run it once for each set of values; all name the same."""
        if rows:
            self._form(connection, rows[0]).change_each(connection, rows)

    def _form(self, connection: Connection, values: Values) -> _Form:
        key = (connection.dialect.name, *values)
        form = self._forms.get(key)
        if form is None:
            compiled = self.statement.compile(dialect=connection.dialect, column_keys=[*values])
            form = self._forms[key] = _Form(compiled, [*values])
        return form


class _Form:
    """A statement written out for one dialect and one set of values."""

    __slots__ = ("_columns", "_dialect", "_error", "_fixed", "_places", "_readers", "_row", "_text")

    def __init__(self, compiled: SQLCompiler, names: Sequence[str]) -> None:
        dialect = self._dialect = compiled.dialect
        self._error: type[Exception] = dialect.loaded_dbapi.Error
        self._text = str(compiled)
        self._fixed, self._places = _arguments_of(compiled, names)
        self._columns = list(compiled.statement.exported_columns)  # type: ignore[union-attr]
        self._row = result_tuple([str(column.key) for column in self._columns])
        self._readers: list[tuple[int, Convert]] | None = None

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        try:
            cursor = self._run(connection, values)
            found = cursor.fetchall()
        except self._error as error:
            raise self._told(error) from error
        if self._readers is None:
            self._readers = self._readers_of(cursor.description)
        return [self._row(self._read(row)) for row in found]

    def change(self, connection: Connection, values: Values) -> int:
        try:
            return int(self._run(connection, values).rowcount)
        except self._error as error:
            raise self._told(error) from error

    def change_each(self, connection: Connection, rows: Sequence[Values]) -> None:
        try:
            connection.connection.cursor().executemany(self._text, [self._arguments(values) for values in rows])
        except self._error as error:
            raise self._told(error) from error

    def _run(self, connection: Connection, values: Values) -> Any:
        cursor = connection.connection.cursor()
        cursor.execute(self._text, self._arguments(values))
        return cursor

    def _told(self, error: Exception) -> BaseException:
        """A driver's error as SQLAlchemy tells it."""
        return exc.DBAPIError.instance(self._text, None, error, self._error)

    def _arguments(self, values: Values) -> Any:
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
        """What a column's type makes of what the driver answers; the driver's own type of it is known with the first result."""
        of_dialect = [column.type.dialect_impl(self._dialect) for column in self._columns]
        readers = [
            kind.result_processor(self._dialect, described[1]) for kind, described in zip(of_dialect, description, strict=True)
        ]
        return [(index, reader) for index, reader in enumerate(readers) if reader is not None]


def _arguments_of(compiled: SQLCompiler, names: Sequence[str]) -> tuple[Any, list[tuple[Any, str, Convert | None]]]:
    """The arguments as far as they are the same each time (a list where the driver counts them, a dictionary where it names
    them), and where each value goes. Raises TypeError for what has no fixed text, and where values and parameters differ."""
    if compiled.post_compile_params or compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError(f"this statement is not the same each time, or has defaults of its own: {compiled}")
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
