"""Translate a database's errors into one line for a person. A broken constraint is a bug of the program and is not translated."""

from __future__ import annotations

import os
import sqlite3

from sqlalchemy import exc

from tradectl.errors import DatabaseError
from tradectl.ledger.lock_holder import lock_holder

DATABASE_ERRORS = (exc.DatabaseError, sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors of SQLAlchemy, of SQLite's driver where it is called directly, and of the driver for damaged text."""
_PROGRAM_ERRORS = (exc.IntegrityError, exc.DataError, sqlite3.IntegrityError, sqlite3.DataError)
"""Errors that show a bug of the program: SQLAlchemy's errors, and those of SQLite's driver where it is called directly."""
_MIN_FREE_BYTES = 1 << 16
"""Free bytes that SQLite needs to create the files beside a database (`-wal`, `-shm`)."""
_SQLITE_MESSAGES = {
    5: "is locked by another process beyond the time-out",
    6: "is locked by another process beyond the time-out",
    8: "is read-only: check the disk and the file's permissions",
    10: "cannot be read or written: the disk reports an error",
    11: "is damaged: `tradectl help back-up` shows how to restore a backup",
    13: "cannot be written: the disk is full",
    14: "cannot be opened: check that the folder exists and is writable",
    23: "cannot be opened: permission denied",
    26: "is not a database",
}
_POSTGRES_MESSAGES = {
    "25006": "is read-only",
    "25P03": "ended a transaction that was idle for too long, so nothing was written; try again",
    "53100": "cannot be written: the disk is full",
    "55P03": "is locked by another process beyond the time-out",
    "42P01": "has no tradectl tables; run `tradectl init`",
    "42703": "was written by another version of tradectl: finish its open orders with that version",
    "40001": "was changed by another process at the same moment, so nothing was written; try again",
    "40P01": "was changed by another process at the same moment, so nothing was written; try again",
}


def _code_by_disk(code: int, file: str) -> int:
    """Return the SQLite code for a read-only or full disk, else `code`. SQLite does not report why it could not create a file."""
    folder = os.path.dirname(file)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and os.path.isdir(folder):
        disk = os.statvfs(folder)
        if disk.f_flag & os.ST_RDONLY:
            return sqlite3.SQLITE_READONLY
        if disk.f_bavail * disk.f_frsize < _MIN_FREE_BYTES:
            return sqlite3.SQLITE_FULL
    return code


def _locked(name: str) -> str:
    """Return the message about a lock that was not released, with the process that holds the lock if it is known."""
    holder = lock_holder(name)
    if holder is not None and holder.stopped:
        return holder.describe(name)
    which = f" (process {holder.pid}{f', {holder.command}' if holder.command else ''})" if holder is not None else ""
    return f"{name} {_SQLITE_MESSAGES[sqlite3.SQLITE_BUSY]}{which}"


def translated(error: BaseException, name: str) -> BaseException:
    """Return a database's error as a DatabaseError of one line. The error of a broken constraint is returned unchanged."""
    if isinstance(error, _PROGRAM_ERRORS):
        return error
    if isinstance(error, TimeoutError):
        return DatabaseError(_locked(name))
    if isinstance(error, UnicodeDecodeError):
        return DatabaseError(f"{name} {_SQLITE_MESSAGES[sqlite3.SQLITE_CORRUPT]}")
    origin = getattr(error, "orig", None) or error
    first_line = (str(origin).strip() or type(origin).__name__).splitlines()[0]
    code = getattr(origin, "sqlite_errorcode", None)
    state = getattr(origin, "sqlstate", None)
    if code is not None and (code & 0xFF) == sqlite3.SQLITE_BUSY:
        return DatabaseError(_locked(name))
    if code is not None and (code & 0xFF) in _SQLITE_MESSAGES:
        return DatabaseError(f"{name} {_SQLITE_MESSAGES[_code_by_disk(code & 0xFF, name)]}")
    if first_line.startswith("no such column"):
        return DatabaseError(f"{name} {_POSTGRES_MESSAGES['42703']} ({first_line})")
    if first_line.startswith("no such table"):
        return DatabaseError(f"{name} has no tradectl tables ({first_line}); run `tradectl init`")
    if state in _POSTGRES_MESSAGES:
        return DatabaseError(f"{name} {_POSTGRES_MESSAGES[state]}")
    if isinstance(error, exc.ProgrammingError):
        return error
    return DatabaseError(f"{name} cannot be used: {first_line}")
