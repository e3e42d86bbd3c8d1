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
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection

from tradectl.clock import stopwatch
from tradectl.errors import DatabaseError
from tradectl.ledger.failures import DATABASE_ERRORS, translated
from tradectl.ledger.lock_holder import LOOK_EVERY, Patience
from tradectl.ledger.write_queue import WriteQueue

if TYPE_CHECKING:
    from collections.abc import Callable

BUSY_SECONDS = 30.0
"""How long a write waits for its turn among ours, and then for the database's own lock; our writes last milliseconds."""

_ONE_WRITER = text("SELECT pg_advisory_xact_lock(7203051)")

_forks = 0
"""How many forks led to this process: what was opened under another number belongs to a parent."""


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - the operating system has one fork hook for the process
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


@dataclass(slots=True)
class _Desk:
    """What one thread of one process holds: its connection and the transaction that is open on it. `forks`: see `_forks`."""

    forks: int
    queue: WriteQueue | None
    connection: Connection | None = None
    file: Any = None
    mode: str = ""
    depth: int = 0
    doomed: bool = False
    telling: bool = False
    writes: int = 0
    identity: object = field(default_factory=object)
    version: Version | None = None


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
        queue_path: str | None = None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.engine = engine
        self.name = name
        self.read_only = read_only
        self.alone = alone
        self.queue_path = queue_path
        self.busy_seconds = busy_seconds
        self.sqlite = engine.dialect.name == "sqlite"
        self.before_commit: Callable[[], None] | None = None
        """Called just before each commit: a drill ends a life there."""
        self.riders: dict[str, Callable[[Connection], Callable[[], None] | None]] = {}
        """By name: called inside each write, just before its commit. What they write needs no commit of its own. What they return
        is called after the commit, and not where that failed."""
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
        last = desk.version
        if last is None or last.own != desk.writes or last.others != seen:
            last = desk.version = Version(seen, desk.writes, desk.identity)
        return last

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
            if desk.queue is not None:
                desk.queue.close()
            self._local.desk = self._new_desk()

    def desk(self) -> _Desk:
        desk: _Desk | None = getattr(self._local, "desk", None)
        if desk is None or desk.forks != _forks:
            if desk is not None:
                self._inherited.append(desk)  # a forked child must neither use nor close its parent's connection
            desk = self._local.desk = self._new_desk()
        return desk

    def _new_desk(self) -> _Desk:
        return _Desk(_forks, WriteQueue(self.queue_path, self.busy_seconds) if self.queue_path is not None else None)

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
            if desk.queue is not None and self.mode == "write":
                desk.queue.acquire()
            connection = database.connection(desk)
            if database.sqlite and desk.queue is not None and self.mode == "write":
                self._begin_write(desk, desk.queue.path)
            elif database.sqlite:
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

    def _begin_write(self, desk: _Desk, path: str) -> None:
        """Begin a write of a durable file, in several short waits: a holder of the lock that stays stopped ends them early."""
        wait, until, patience = self.database.busy_seconds, stopwatch() + self.database.busy_seconds, Patience(path)
        desk.file.execute(f"PRAGMA busy_timeout = {int(min(wait, LOOK_EVERY) * 1000)}")
        while True:
            try:
                desk.file.execute(self.begin)
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or stopwatch() >= until or patience.is_over():
                    raise
        desk.file.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")

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
            elif desk.queue is not None:
                desk.queue.release()
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
            rode: list[Callable[[], None] | None] = []
            for ride in database.riders.values():
                rode.append(ride(database.connection(desk)))
            if database.before_commit is not None:
                database.before_commit()
            ending.commit()
            for committed in rode:
                if committed is not None:
                    committed()
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
            if desk.queue is not None:
                desk.queue.release()


def driver(connection: Connection) -> Any:
    """The driver's own connection, for statements whose overhead would be larger than their work."""
    return connection.connection.dbapi_connection
