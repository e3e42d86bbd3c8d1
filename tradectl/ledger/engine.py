"""One way to the database: snapshot reads, short immediate writes, and one clear line for everything that can go wrong.

A process (and each of its threads) keeps one connection to a SQLite file, because opening one costs more than most of
what is asked of it; PostgreSQL has a pool. A write inside a write joins it, so that several parts of the ledger can
commit together; a write inside a read is a mistake, since a snapshot cannot be upgraded safely. Writers of one SQLite file
queue for their turn (`turn.py`), because SQLite's own waiting is unfair. Writers of one PostgreSQL database are made to go
one after the other, as SQLite's do: two tasks that fold the same trade must not both find it new.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Dialect, Engine, Table, create_engine, event, exc, pool, text
from sqlalchemy.engine import URL, Connection, make_url

from tradectl.errors import ConfigurationError, DatabaseError
from tradectl.ledger.prepared import Prepared
from tradectl.ledger.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

BUSY_SECONDS = 30.0
"""How long a write waits for its turn among ours, and then for the database's own lock; our writes last milliseconds."""

IDLE_SECONDS = 20.0
"""PostgreSQL ends a transaction that does nothing for so long, before those who wait give up: a machine that went to sleep in
the middle of a write must not stop another one."""

_ONE_WRITER = text("SELECT pg_advisory_xact_lock(7203051)")


@dataclass(slots=True)
class _Desk:
    """What one thread of one process holds: its connection and the transaction that is open on it."""

    process: int
    turn: Turn | None
    connection: Connection | None = None
    file: Any = None
    mode: str = ""
    depth: int = 0
    doomed: bool = False
    telling: bool = False
    writes: int = 0
    identity: object = field(default_factory=object)


class Version(NamedTuple):
    """What the database held at a moment: a count of what others have written, and of what this connection has."""

    others: object
    own: int
    connection: object

    def after_own_write(self) -> Version:
        """The version that follows if this connection writes once and nobody else does."""
        return self._replace(own=self.own + 1)


class Database:
    """A ledger's file or server. Made by `open_database`; `close()` gives back what the calling thread holds."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        read_only: bool,
        alone: bool = False,
        turns: str | None = None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.engine = engine
        self.name = name
        self.read_only = read_only
        self.alone = alone
        self.turns = turns
        self.busy_seconds = busy_seconds
        self.sqlite = engine.dialect.name == "sqlite"
        self.before_commit: Callable[[], None] | None = None
        """Called just before each commit: a drill ends a life there."""
        self._local = threading.local()
        self._inherited: list[_Desk] = []
        self._reading = _Transaction(self, "read")
        self._writing = _Transaction(self, "write")
        self._noting = _Transaction(self, "write", telling=False)

    def read(self) -> _Transaction:
        """A context manager with a Connection for reads: one snapshot on SQLite, one a statement on PostgreSQL."""
        return self._reading

    def write(self) -> _Transaction:
        """A context manager with a Connection: committed at its end, rolled back by an exception.

        It is the database's only one from its beginning (BEGIN IMMEDIATE, or an advisory lock on PostgreSQL), and waits for that;
        for a durable file, in a queue. Keep it short, and never open across a call to a broker. Raises DatabaseError, also when
        others write for longer than we wait; IntegrityError stays what it is.
        """
        return self._writing

    def note(self) -> _Transaction:
        """A `write` of what nobody keeps in memory (log lines, messages, signals, executions): on SQLite `version_token` stays as
        it is for this connection. Inside a `write` it is a part of that."""
        return self._noting

    def version_token(self) -> Version:
        """Equal to the last one only if nothing but notes was written since by this connection, and nothing by any other."""
        desk = self.desk()
        if not self.sqlite or desk.mode == "write":
            return Version(object(), 0, desk.identity)
        try:
            if desk.file is None:
                self.connection(desk)
            seen = 0 if self.alone else desk.file.execute("PRAGMA data_version").fetchone()[0]
        except DATABASE_ERRORS as error:
            raise translated(error, self.name) from error
        return Version(seen, desk.writes, desk.identity)

    def close(self) -> None:
        """Close the calling thread's connection, and the pool's idle ones."""
        self.leave_thread()
        self.engine.dispose()

    def leave_thread(self) -> None:
        """Close the calling thread's connection; a thread that ends does it before."""
        desk = self.desk()
        try:
            if desk.connection is not None:
                desk.connection.close()
        finally:
            if desk.turn is not None:
                desk.turn.close()
            self._local.desk = self._new_desk()

    def desk(self) -> _Desk:
        desk: _Desk | None = getattr(self._local, "desk", None)
        if desk is None or desk.process != os.getpid():
            if desk is not None:
                self._inherited.append(desk)  # a forked child must neither use nor close its parent's connection
            desk = self._local.desk = self._new_desk()
        return desk

    def _new_desk(self) -> _Desk:
        return _Desk(os.getpid(), Turn(self.turns, self.busy_seconds) if self.turns is not None else None)

    def connection(self, desk: _Desk) -> Connection:
        if desk.connection is None:
            desk.connection = self.engine.connect()
            desk.file = driver(desk.connection)
        return desk.connection


class _Transaction:
    """The context manager behind `read` and `write`; its state is the thread's desk, so one object serves every thread."""

    __slots__ = ("begin", "database", "mode", "telling")

    def __init__(self, database: Database, mode: str, *, telling: bool = True) -> None:
        self.database = database
        self.mode = mode
        self.telling = telling and mode == "write"
        self.begin = "BEGIN IMMEDIATE" if mode == "write" else "BEGIN"

    def __enter__(self) -> Connection:
        database = self.database
        desk = database.desk()
        if desk.mode:
            if self.mode == "write" and desk.mode == "read":
                raise RuntimeError("a write cannot begin inside a read: end the read first")
            desk.depth += 1
            desk.telling = desk.telling or self.telling
            return database.connection(desk)
        if self.mode == "write" and database.read_only:
            raise DatabaseError(f"{database.name} is open for reading only")
        try:
            if desk.turn is not None and self.mode == "write":
                desk.turn.take()
            connection = database.connection(desk)
            if database.sqlite:
                desk.file.execute(self.begin)
            else:
                connection.begin()
                if self.mode == "write":
                    connection.execute(_ONE_WRITER)
            desk.depth, desk.doomed, desk.telling, desk.mode = 1, False, self.telling, self.mode
        except (*DATABASE_ERRORS, TimeoutError) as error:
            raise translated(error, database.name) from error
        finally:
            if not desk.mode:
                self._give_up(desk)
        return connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        database = self.database
        desk = database.desk()
        desk.depth -= 1
        if desk.depth:
            desk.doomed = desk.doomed or (self.mode == "write" and error is not None)
            self._retell(error)
            return
        written, desk.mode = desk.mode == "write", ""
        ended = False
        try:
            self._end(desk, error, commit=written)
            ended = True
        except DATABASE_ERRORS as failure:
            raise translated(failure, database.name) from failure
        finally:
            desk.writes += desk.telling
            if not (ended and database.sqlite):
                self._give_up(desk)
            elif desk.turn is not None:
                desk.turn.leave()
        self._retell(error)

    def _retell(self, error: BaseException | None) -> None:
        if isinstance(error, DATABASE_ERRORS):
            told = translated(error, self.database.name)
            if told is not error:
                raise told from error

    def _end(self, desk: _Desk, error: BaseException | None, *, commit: bool) -> None:
        """A SQLite file's transactions are begun and ended with the file itself; to SQLAlchemy they are one that stays open."""
        database = self.database
        ending = desk.file if database.sqlite else database.connection(desk)
        if error is None and commit and not desk.doomed:
            if database.before_commit is not None:
                database.before_commit()
            ending.commit()
            return
        ending.rollback()
        if error is None and desk.doomed:
            raise RuntimeError("a part of this transaction failed, so none of it was kept")

    def _give_up(self, desk: _Desk) -> None:
        """Give the connection back: to PostgreSQL's pool always, to the operating system after a failure, or an end that was
        asked for in the middle. Nothing stays open, and others may write."""
        try:
            if desk.connection is not None:
                connection, desk.connection, desk.file, desk.writes = desk.connection, None, None, desk.writes + 1
                connection.close()
        finally:
            if desk.turn is not None:
                desk.turn.leave()


DATABASE_ERRORS = (exc.DatabaseError, sqlite3.DatabaseError)
"""What SQLAlchemy raises, and what SQLite raises where we speak to it directly."""


def driver(connection: Connection) -> Any:
    """The driver's own connection, for statements whose overhead would be larger than their work."""
    return connection.connection.dbapi_connection


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
    return Prepared(_insert(table, dialect).on_conflict_do_nothing().inline())


@cache
def _put(table: Table, key: tuple[str, ...], dialect: str) -> Prepared:
    row = _insert(table, dialect)
    others = [column.name for column in table.c if column.name not in key and not column.primary_key]
    return Prepared(row.on_conflict_do_update(index_elements=key, set_={name: row.excluded[name] for name in others}).inline())


def _insert(table: Table, dialect: str) -> Any:
    """An INSERT that has a word for conflicts, which is not part of the common language."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert as postgres_insert

    return postgres_insert(table)


def open_database(
    url_or_path: str | Path,
    *,
    durable: bool = True,
    read_only: bool = False,
    alone: bool = False,
    busy_seconds: float = BUSY_SECONDS,
) -> Database:
    """A database by path (SQLite) or URL (`sqlite:///`, `postgresql+psycopg://`). Connects at the first use.

    `durable=False` gives up surviving a power cut for speed: for throw-away simulations. `alone=True` keeps everybody else out
    of a SQLite file, other threads too, so that nobody need be asked whether he has written: for files that nobody else knows.
    Raises ConfigurationError for a URL that cannot be understood.
    """
    named = str(url_or_path)
    try:
        url = make_url(named) if "://" in named else URL.create("sqlite", database=str(Path(named)))
        name = url.render_as_string(hide_password=True) if url.host else str(url.database)
        if url.get_backend_name() != "sqlite":
            return Database(_postgres(url, read_only=read_only, busy_seconds=busy_seconds), name, read_only=read_only)
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(f"this is no database that tradectl can open: {error}") from error
    engine = _sqlite(url, durable=durable, read_only=read_only, alone=alone, busy_seconds=busy_seconds)
    turns = _turns(url) if durable and not read_only else None
    return Database(engine, name, read_only=read_only, alone=alone, turns=turns, busy_seconds=busy_seconds)


def _turns(url: URL) -> str | None:
    """The file that writers queue for: one for all the names of a database, as SQLite has one log for them. None in memory."""
    path = url.database
    return None if path is None or path in {"", ":memory:"} or path.startswith("file:") else os.path.realpath(path)


def _postgres(url: URL, *, read_only: bool, busy_seconds: float) -> Engine:
    options = f"-c lock_timeout={int(busy_seconds * 1000)} -c idle_in_transaction_session_timeout={int(IDLE_SECONDS * 1000)}"
    options += " -c default_transaction_read_only=on" if read_only else ""
    return create_engine(url, pool_pre_ping=True, pool_size=2, connect_args={"options": options})


def _sqlite(url: URL, *, durable: bool, read_only: bool, alone: bool, busy_seconds: float) -> Engine:
    if read_only and url.database:
        file = Path(url.database).absolute()
        query = {"mode": "ro", "uri": "true"}
        if _nobody_can_write(file):
            query["immutable"] = "1"
        url = URL.create("sqlite", database=f"file:{file}", query=query)
    connect = {"isolation_level": None, "timeout": busy_seconds}
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=connect)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        if alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA foreign_keys = ON")

    return engine


def _nobody_can_write(file: Path) -> bool:
    """A database that was left whole on a read-only disk: SQLite reads it only if it is told so, for it wants a file beside."""
    whole = file.exists() and not file.with_name(f"{file.name}-wal").exists()
    return whole and bool(os.statvfs(file.parent).f_flag & os.ST_RDONLY)


_OURS = (exc.IntegrityError, exc.DataError, sqlite3.IntegrityError, sqlite3.DataError)
"""What says that we have made a mistake, by SQLAlchemy's name or, from a commit or many rows at once, by SQLite's own."""
_BESIDE = 1 << 16
"""Bytes that the files beside a database (its log, its index) take at least."""
_SQLITE_WORDS = {
    5: "is locked by another process, for longer than we wait",
    6: "is locked by another process, for longer than we wait",
    8: "is read-only",
    10: "cannot be read or written: the disk reports an error",
    11: "is damaged; restore a backup",
    13: "cannot be written: the disk is full",
    14: "cannot be opened: does the folder exist, and may we write in it?",
    23: "may not be opened by us",
    26: "is not a database",
}
_POSTGRES_WORDS = {
    "25006": "is read-only",
    "25P03": "ended our transaction, which stood still for too long",
    "53100": "cannot be written: the disk is full",
    "55P03": "is locked by another process, for longer than we wait",
    "42P01": "has not our tables; run `tradectl init`",
    "42703": "has not our columns; it was made by another version",
    "40001": "was written by another process at the same moment; try again",
    "40P01": "was written by another process at the same moment; try again",
}


def _as_the_disk_says(code: int, file: str) -> int:
    """SQLite does not say why it could not make a file beside the database; the disk does."""
    folder = os.path.dirname(file)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and os.path.isdir(folder):
        disk = os.statvfs(folder)
        if disk.f_flag & os.ST_RDONLY:
            return sqlite3.SQLITE_READONLY
        if disk.f_bavail * disk.f_frsize < _BESIDE:
            return sqlite3.SQLITE_FULL
    return code


def translated(error: BaseException, name: str) -> BaseException:
    """A driver's error as a DatabaseError of one line; what is a bug of ours (a broken constraint) stays what it is."""
    if isinstance(error, _OURS):
        return error
    if isinstance(error, TimeoutError):
        return DatabaseError(f"{name} {_SQLITE_WORDS[sqlite3.SQLITE_BUSY]}")
    origin = getattr(error, "orig", None) or error
    first_line = (str(origin).strip() or type(origin).__name__).splitlines()[0]
    code = getattr(origin, "sqlite_errorcode", None)
    state = getattr(origin, "sqlstate", None)
    if code is not None and (code & 0xFF) in _SQLITE_WORDS:
        return DatabaseError(f"{name} {_SQLITE_WORDS[_as_the_disk_says(code & 0xFF, name)]}")
    if first_line.startswith(("no such table", "no such column")):
        return DatabaseError(f"{name} has not our tables ({first_line}); run `tradectl init`")
    if state in _POSTGRES_WORDS:
        return DatabaseError(f"{name} {_POSTGRES_WORDS[state]}")
    if isinstance(error, exc.ProgrammingError):
        return error
    return DatabaseError(f"{name} cannot be used: {first_line}")
