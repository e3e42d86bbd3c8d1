"""Run database transactions: snapshot reads, short immediate writes, and errors translated to one line.

Each thread of a process keeps one connection to a SQLite file, because opening one costs more than most statements. PostgreSQL
has a pool. A write inside a write joins it, so that several parts of the ledger commit together. A write inside a read raises
RuntimeError, because a read snapshot cannot safely become a write. Writers of one SQLite file wait in a queue (`write_queue.py`),
because SQLite's own waiting is unfair. Writers of one PostgreSQL database run one after the other, as on SQLite. Otherwise two
tasks could both book the same trade as new.
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
from tradectl.ledger.lock_holder import CHECK_SECONDS, StoppedHolderTimer
from tradectl.ledger.write_queue import WriteQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradectl.ledger.journal import JournalWriter

BUSY_SECONDS = 30.0
"""Seconds that a write waits in the queue, and then for the database's own lock. Writes of the program last milliseconds."""

_ONE_WRITER = text("SELECT pg_advisory_xact_lock(7203051)")

_forks = 0
"""The number of forks that led to this process. A connection that was opened at another number belongs to a parent process."""


def _count_fork() -> None:
    global _forks  # noqa: PLW0603 - the operating system has one fork hook for the process
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


@dataclass(slots=True)
class ThreadConnection:
    """The connection of one thread of one process, and the transaction that is open on it.

    Attributes:
        forks: The value of `_forks` when this object was made.
        queue: None for a database without a write queue.
        file: The driver's connection.
        mode: `read` or `write` while a transaction is open, else empty.
        depth: How many `with` blocks of the transaction are open, including the outermost.
        must_roll_back: A nested write failed, so the outer write must not commit.
        changes_version: The transaction changes `version_token`, because it contains a `write` and not only notes.
        writes: Counter. It grows after each transaction with `changes_version`, committed or rolled back, and in `_release`.
        version: The last `version_token`.
    """

    forks: int
    queue: WriteQueue | None
    connection: Connection | None = None
    file: Any = None
    mode: str = ""
    depth: int = 0
    must_roll_back: bool = False
    changes_version: bool = False
    writes: int = 0
    identity: object = field(default_factory=object)
    version: Version | None = None


class Version(NamedTuple):
    """The state of the database at one moment: counts of the writes of other connections and of this connection."""

    others: object
    own: int
    connection: object


class Database:
    """A ledger's file or server, made by `open_database`."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        *,
        read_only: bool,
        alone: bool = False,
        queue_path: str | None = None,
        busy_seconds: float = BUSY_SECONDS,
        journal: JournalWriter | None = None,
    ) -> None:
        self.engine = engine
        self.name = name
        self.read_only = read_only
        self.alone = alone
        self.queue_path = queue_path
        self.busy_seconds = busy_seconds
        self.journal = journal
        """Writes the journal's entries in each write; None for a database without a journal."""
        self.sqlite = engine.dialect.name == "sqlite"
        self.before_commit: Callable[[], None] | None = None
        """Called just before each commit. `tradectl drill` ends a process at this point."""
        self.commit_hooks: dict[str, Callable[[Connection], Callable[[], None] | None]] = {}
        """Functions by name, called inside each write just before its commit, so that their own writes need no commit.

        The function that a hook returns is called after a successful commit."""
        self._local = threading.local()
        self._inherited: list[ThreadConnection] = []
        self._reading = _Transaction(self, "read")
        self._writing = _Transaction(self, "write")
        self._noting = _Transaction(self, "write", changes_version=False)

    def read(self) -> _Transaction:
        """Return a context manager that yields a Connection for reads.

        On SQLite all statements see one snapshot; on PostgreSQL each statement sees its own.
        """
        return self._reading

    def write(self) -> _Transaction:
        """Return a context manager that yields a Connection, commits at its end, and rolls back after an exception.

        It first waits for the write lock (BEGIN IMMEDIATE, or an advisory lock on PostgreSQL), so writes never overlap.
        Writers of a file opened as `durable` wait in the queue. Keep a write short, and end it before a call to a broker.

        Raises:
            DatabaseError: The database failed, or other writers held the lock for longer than `busy_seconds`.
            IntegrityError: As the driver raised it.
        """
        return self._writing

    def note(self) -> _Transaction:
        """Return a `write` for rows that are not cached in memory: log lines, messages, signals, executions.

        On SQLite a note does not change this connection's `version_token`. Inside a `write` it joins that write.
        """
        return self._noting

    def version_token(self) -> Version:
        """Return a token of the database's state.

        Two tokens are equal only if, between them, this connection wrote nothing but notes and no other connection wrote.
        """
        thread = self.thread()
        if not self.sqlite or thread.mode == "write":
            return Version(object(), 0, thread.identity)
        seen = 0 if self.alone else self._others(thread)
        last = thread.version
        if last is None or last.own != thread.writes or last.others != seen:
            last = thread.version = Version(seen, thread.writes, thread.identity)
        return last

    def write_versions(self) -> tuple[Version, Version]:
        """Return the `version_token` of the state before the current write, and that of the state after its commit.

        Call it inside a write, in which no other connection can write. In a nested write both tokens equal no other token.
        """
        thread = self.thread()
        if not self.sqlite or thread.depth != 1:
            return Version(object(), 0, thread.identity), Version(object(), 0, thread.identity)
        others = 0 if self.alone else self._others(thread)
        return Version(others, thread.writes, thread.identity), Version(others, thread.writes + 1, thread.identity)

    def _others(self, thread: ThreadConnection) -> object:
        """Return the count of the writes of other connections to a SQLite file."""
        try:
            if thread.file is None:
                self.connection(thread)
            return thread.file.execute("PRAGMA data_version").fetchone()[0]
        except DATABASE_ERRORS as error:
            raise translated(error, self.name) from error

    def close(self) -> None:
        """Close the calling thread's connection, and the pool's idle ones."""
        self.leave_thread()
        self.engine.dispose()

    def leave_thread(self) -> None:
        """Close the calling thread's connection. Each thread calls this before it ends."""
        thread = self.thread()
        try:
            if thread.connection is not None:
                thread.connection.close()
        finally:
            if thread.queue is not None:
                thread.queue.close()
            self._local.thread = self._new_thread()

    def thread(self) -> ThreadConnection:
        """Return the ThreadConnection of the calling thread; a new one at the first call and after a fork."""
        thread: ThreadConnection | None = getattr(self._local, "thread", None)
        if thread is None or thread.forks != _forks:
            if thread is not None:
                self._inherited.append(thread)  # a forked child must neither use nor close its parent's connection
            thread = self._local.thread = self._new_thread()
        return thread

    def _new_thread(self) -> ThreadConnection:
        return ThreadConnection(_forks, WriteQueue(self.queue_path, self.busy_seconds) if self.queue_path is not None else None)

    def connection(self, thread: ThreadConnection) -> Connection:
        """Return the thread's connection, opened at the first call."""
        if thread.connection is None:
            thread.connection = self.engine.connect()
            thread.file = driver(thread.connection)
        return thread.connection


class _Transaction:
    """The context manager of `read`, `write` and `note`. Its state is in ThreadConnection, so all threads share one object."""

    __slots__ = ("begin", "changes_version", "database", "mode")

    def __init__(self, database: Database, mode: str, *, changes_version: bool = True) -> None:
        self.database = database
        self.mode = mode
        self.changes_version = changes_version and mode == "write"
        self.begin = "BEGIN IMMEDIATE" if mode == "write" else "BEGIN"

    def __enter__(self) -> Connection:
        database = self.database
        thread = database.thread()
        if thread.mode:
            if self.mode == "write" and thread.mode == "read":
                raise RuntimeError("a write cannot begin inside a read: end the read first")
            thread.depth += 1
            thread.changes_version = thread.changes_version or self.changes_version
            return database.connection(thread)
        if self.mode == "write" and database.read_only:
            raise DatabaseError(f"{database.name} is open for reading only, so nothing was written")
        try:
            if thread.queue is not None and self.mode == "write":
                thread.queue.acquire()
            connection = database.connection(thread)
            if database.sqlite and thread.queue is not None and self.mode == "write":
                self._begin_write(thread, thread.queue.path)
            elif database.sqlite:
                thread.file.execute(self.begin)
            else:
                connection.begin()
                if self.mode == "write":
                    connection.execute(_ONE_WRITER)
            if self.mode == "write" and database.journal is not None:
                database.journal.begin(connection)
            thread.depth, thread.must_roll_back, thread.changes_version, thread.mode = 1, False, self.changes_version, self.mode
        except (*DATABASE_ERRORS, TimeoutError) as error:
            raise translated(error, database.name) from error
        finally:
            if not thread.mode:
                self._release(thread)
        return connection

    def _begin_write(self, thread: ThreadConnection, path: str) -> None:
        """Begin a write with a write queue, in several short waits. Stop waiting if the process with the lock stays stopped."""
        wait, until, timer = self.database.busy_seconds, stopwatch() + self.database.busy_seconds, StoppedHolderTimer(path)
        thread.file.execute(f"PRAGMA busy_timeout = {int(min(wait, CHECK_SECONDS) * 1000)}")
        while True:
            try:
                thread.file.execute(self.begin)
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or stopwatch() >= until or timer.has_expired():
                    raise
        thread.file.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        database = self.database
        thread = database.thread()
        thread.depth -= 1
        if thread.depth:
            thread.must_roll_back = thread.must_roll_back or (self.mode == "write" and error is not None)
            self._raise_translated(error)
            return
        written, thread.mode = thread.mode == "write", ""
        ended = False
        try:
            self._end(thread, error, commit=written)
            ended = True
        except DATABASE_ERRORS as failure:
            raise translated(failure, database.name) from failure
        finally:
            thread.writes += thread.changes_version
            if not (ended and database.sqlite):
                self._release(thread)
            elif thread.queue is not None:
                thread.queue.release()
        self._raise_translated(error)

    def _raise_translated(self, error: BaseException | None) -> None:
        if isinstance(error, DATABASE_ERRORS):
            failure = translated(error, self.database.name)
            if failure is not error:
                raise failure from error

    def _end(self, thread: ThreadConnection, error: BaseException | None, *, commit: bool) -> None:
        """Commit or roll back. On SQLite the driver's connection does this, and SQLAlchemy's own transaction stays open."""
        database = self.database
        ending = thread.file if database.sqlite else database.connection(thread)
        if error is None and commit and not thread.must_roll_back:
            committed_hooks: list[Callable[[], None] | None] = []
            for hook in database.commit_hooks.values():
                committed_hooks.append(hook(database.connection(thread)))
            if database.journal is not None:
                database.journal.commit(database.connection(thread))
            if database.before_commit is not None:
                database.before_commit()
            ending.commit()
            for committed in committed_hooks:
                if committed is not None:
                    committed()
            return
        ending.rollback()
        if error is None and thread.must_roll_back:
            raise RuntimeError("a part of this transaction failed, so all of it was rolled back")

    def _release(self, thread: ThreadConnection) -> None:
        """Close the connection and release the write queue. A PostgreSQL connection returns to its pool.

        On SQLite this happens after a failure or an interrupt, so that no transaction stays open and other processes can write.
        """
        try:
            if thread.connection is not None:
                connection, thread.connection, thread.file, thread.writes = thread.connection, None, None, thread.writes + 1
                connection.close()
        finally:
            if thread.queue is not None:
                thread.queue.release()


def driver(connection: Connection) -> Any:
    """Return the driver's own connection, for statements whose overhead in SQLAlchemy would be larger than their work."""
    return connection.connection.dbapi_connection
