"""Open the paper exchange's SQLite file, bring it to the present format, and run transactions over it.

The file uses WAL and synchronous=FULL; throw-away files use synchronous=OFF. Each command begins with `BEGIN IMMEDIATE`,
before it decides anything. `PRAGMA data_version` shows the commit of another process in a few microseconds, without a
transaction.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradectl.brokers.paper.schema import APPLIED, EXCLUDED, IDENTITY, SCHEMA, SEEN, UNTRADED, VERSION
from tradectl.errors import DatabaseError

BUSY_SECONDS = 10.0


class ExchangeFile:
    """Keep one connection to the file, and run transactions over it. Every sqlite3 error becomes a `DatabaseError` of one line.

    `identity` is the random text that identifies this exchange file.

    Args:
        durable: False skips the writes that protect against power failure.
        alone: Whether to lock the file, so that no other process can use it. `version` then never changes.
        create: Whether to create a missing file. Without it a missing file raises DatabaseError.
    """

    def __init__(self, file: Path, *, durable: bool = True, alone: bool = False, create: bool = True) -> None:
        self._file = file
        self._path = str(file)
        self._place = _place(self._path)
        self.alone = alone
        self.identity = ""
        with self._translated():
            uri = f"{file.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
            self._connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=64)
        try:
            self._prepare(durable)
            self._place = _place(self._path)
        except DatabaseError:
            self._connection.close()
            raise

    def _prepare(self, durable: bool) -> None:
        with self._translated():
            execute = self._connection.execute
            if self.alone:
                execute("PRAGMA locking_mode = EXCLUSIVE")
            version = execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise DatabaseError(
                    f"{self._file} was written by a newer version of tradectl (format {version}, this one reads up to "
                    f"{VERSION}): update tradectl"
                )
            if execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                self._switch_to_wal()
            execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
            execute("PRAGMA foreign_keys = ON")
        if version < VERSION:
            with self.writing():
                found = self._connection.execute("PRAGMA user_version").fetchone()[0]
                if found == 0:
                    self._create()
                for since, statements in ((2, SEEN), (3, IDENTITY), (4, UNTRADED), (4, APPLIED), (4, EXCLUDED)):
                    for statement in statements.split(";") if found < since else ():
                        self._connection.execute(statement)
                if 0 < found < 4 and self._has_table("journal"):
                    self._connection.execute("ALTER TABLE journal RENAME TO cash_entries")
                if found < 3:
                    self._connection.execute("INSERT INTO identity VALUES (?)", (secrets.token_hex(8),))
                if found < VERSION:
                    self._connection.execute(f"PRAGMA user_version = {VERSION}")
        with self._translated():
            self.identity = str(self._connection.execute("SELECT identity FROM identity").fetchone()[0])

    def _switch_to_wal(self) -> None:
        """Switch a new file to WAL. SQLite does not wait for another process that does the same, so this method retries."""
        from tenacity import Retrying, retry_if_exception_message, stop_after_delay, wait_fixed

        locked = retry_if_exception_message(match="database is locked")
        for attempt in Retrying(stop=stop_after_delay(BUSY_SECONDS), wait=wait_fixed(0.02), retry=locked, reraise=True):
            with attempt:
                self._connection.execute("PRAGMA journal_mode = WAL")

    def _create(self) -> None:
        if self._connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise DatabaseError(f"{self._file} is not a paper exchange")
        for statement in SCHEMA.split(";"):
            self._connection.execute(statement)

    def _has_table(self, name: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).fetchone()
        return found is not None

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> DatabaseError:
        return DatabaseError(f"paper exchange {self._file}: {error}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run a transaction that holds the file's write lock from its start. Commit at the end, roll back on any exception."""
        self._check_in_place()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:  # a signal must not leave the transaction open either
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._failure(error) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run a read transaction, so that several reads see the same state of the file."""
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def _check_in_place(self) -> None:
        """Raise DatabaseError if the path no longer leads to the open file: other processes would not see its writes."""
        if not self.alone and self.identity and _place(self._path) != self._place:
            raise DatabaseError(
                f"the paper exchange {self._file} was deleted or replaced while it was in use: no change is stored in it"
            )

    def version(self) -> int:
        """Return a number that changes when another connection commits."""
        if self.alone:
            return 0
        self._check_in_place()
        try:
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise self._failure(error) from error


def _place(path: str) -> tuple[int, int] | None:
    """Return the device and inode of a file, None if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
