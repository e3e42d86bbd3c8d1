"""Back up a home while it trades: both databases as of one moment, and the small files that they need.

The ledger's write lock is held for the milliseconds in which both snapshots are opened, the ledger's first. So every order of
the copied exchange has its intent in the copied ledger. An intent without its order looks like a crash before sending, and the
next reconciliation resolves it. In the other sequence, the ledger could hold orders and fills that its exchange lacks, and no
later check could explain them. A real broker is not copied; it is always newer than the copied ledger.

SQLite's online backup makes the copies, and each copy is checked after it was written. All files are written to a folder with
a leading dot and synced to the disk. Only then is the folder renamed. So a folder with the name of a backup is always complete,
even if the process died.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from msgspec import Struct

from tradectl.errors import DatabaseError
from tradectl.files import flush, lock, try_lock
from tradectl.ledger.engine import BUSY_SECONDS, Database
from tradectl.ledger.failures import translated
from tradectl.model.moment import to_ist

LEDGER, EXCHANGE, LIST = "ledger.db", "paper.db", "backup.json"
"""Names of the files in a backup. The first two are also the default names in a home."""
UNFINISHED = ".unfinished-"
NAME = re.compile(r"(\d{4}-\d{2}-\d{2}-\d{6})(?:-(\d+))?")
_VERSION_QUERIES = {LEDGER: "SELECT version_num FROM alembic_version", EXCHANGE: "PRAGMA user_version"}
"""Statements whose result shows which version of the program can read a copy."""
_NAME_EXISTS = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}


class Copy(Struct, frozen=True):
    """One file of a backup. `origin`: the path that it was copied from and is restored to; `size` in bytes."""

    name: str
    origin: Path
    size: int
    sha256: str


class Backup(Struct, frozen=True):
    """A finished backup."""

    folder: Path
    files: tuple[Copy, ...]


def back_up(
    folder: Path,
    at: datetime,
    *,
    ledger: Database | None,
    exchange: Path | None,
    files: Mapping[str, Path],
    about: Mapping[str, str | None],
) -> Backup:
    """Make a backup in a new subfolder of `folder`, named by `at` in IST; a second backup in one second gets a number.

    Only the owner may read the files. A failure leaves no files behind.

    Args:
        ledger: A SQLite database; None to leave it out.
        exchange: The paper exchange's file; None to leave it out.
        files: Plain files by their names in the backup; missing ones are left out.
        about: Further entries of the list of files, `backup.json`.

    Raises:
        DatabaseError: No backup was made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _unfinished(folder) as work:
            copies = [*_copy_databases(folder, work, ledger, exchange)]
            copies += [_copy_file(origin, work / name) for name, origin in files.items() if origin.exists()]
            _write_list(work, at, copies, about)
            flush(work)
            made = _give_name(work, folder, at)
            flush(folder)
    except OSError as error:
        raise DatabaseError(f"no backup was made in {folder}: {_reason(error)}") from error
    return Backup(made, tuple(copies))


def backups(folder: Path) -> list[Path]:
    """Return the finished backups in `folder`, oldest first."""
    found = ((NAME.fullmatch(path.name), path) for path in folder.iterdir())
    named = [(match[1], int(match[2] or 1), path) for match, path in found if match and (path / LIST).is_file()]
    return [path for *_, path in sorted(named)]


def keep_newest(folder: Path, keep: int, made: Path) -> list[Path]:
    """Remove all but the newest `keep` backups and return the removed ones; `made` always stays. Raises DatabaseError."""
    try:
        with _alone(folder):
            older = [path for path in backups(folder) if path != made]
            gone = older[: max(0, len(older) - (keep - 1))]
            for path in gone:
                shutil.rmtree(path.rename(folder / f"{UNFINISHED}{path.name}"))
    except OSError as error:
        raise DatabaseError(f"the backup is in {made}, but older backups could not be removed: {_reason(error)}") from error
    return gone


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Yield a work folder, which is removed if the work fails. Its lock shows other processes that this process is alive."""
    with _alone(folder):
        for old in folder.glob(f"{UNFINISHED}*"):
            _remove_if_dead(old)
        work = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
        handle = os.open(work, os.O_RDONLY)
        with suppress(OSError):  # the file system has no locks
            lock(handle)
    try:
        yield work
    except BaseException:  # a signal too must not leave the folder behind
        shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        os.close(handle)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock a folder for a short step, so that one process at a time works in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # the file system has no locks
            lock(handle)
        yield
    finally:
        os.close(handle)


def _remove_if_dead(work: Path) -> None:
    """Remove an unfinished backup whose process has died. On a file system without locks, a person must remove it."""
    handle = os.open(work, os.O_RDONLY)
    try:
        with suppress(OSError):
            if try_lock(handle):
                shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(handle)


def _copy_databases(folder: Path, work: Path, ledger: Database | None, exchange: Path | None) -> Iterator[Copy]:
    with ExitStack() as held:
        snapshots: list[tuple[str, Path, sqlite3.Connection]] = []
        with ExitStack() as pause:
            if ledger is not None:
                pause.enter_context(ledger.write())
                snapshots.append((LEDGER, Path(ledger.name), held.enter_context(_snapshot(Path(ledger.name)))))
            if exchange is not None:
                snapshots.append((EXCHANGE, exchange, held.enter_context(_snapshot(exchange))))
        for name, origin, snapshot in snapshots:
            title = f"the copy of {origin} in {folder}"
            try:
                _copy_database(snapshot, work / name, title)
            except sqlite3.DatabaseError as error:
                raise translated(error, title) from error
            yield _described(work / name, origin)


@contextmanager
def _snapshot(file: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that reads the file as it is now. In WAL mode other processes may write meanwhile."""
    try:
        uri = f"{file.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        with closing(connection):
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first read opens the snapshot, not BEGIN
            yield connection
    except sqlite3.DatabaseError as error:
        raise translated(error, str(file)) from error


def _copy_database(snapshot: sqlite3.Connection, target: Path, title: str) -> None:
    """Copy a database and check the copy. Raises DatabaseError where it is damaged or has no version."""
    target.touch(0o600, exist_ok=False)
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        snapshot.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # the copy is one file, without a -wal file
        [found] = copy.execute("PRAGMA integrity_check(1)").fetchone()
        form = copy.execute(_VERSION_QUERIES[target.name]).fetchone()
    if found != "ok":
        detail = " ".join(found.split())
        raise DatabaseError(f"{title} is damaged ({detail}), so the original is damaged too: keep the older backups")
    if not form or not form[0]:
        raise DatabaseError(f"{title} has no version number, so the original is not a complete database of tradectl")


def _copy_file(origin: Path, target: Path) -> Copy:
    target.touch(0o600, exist_ok=False)
    target.write_bytes(origin.read_bytes())
    return _described(target, origin)


def _described(target: Path, origin: Path) -> Copy:
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return Copy(target.name, origin, target.stat().st_size, digest)


def _write_list(work: Path, at: datetime, copies: list[Copy], about: Mapping[str, str | None]) -> None:
    files = [{"name": copy.name, "from": str(copy.origin), "bytes": copy.size, "sha256": copy.sha256} for copy in copies]
    content = {"made_at": to_ist(at).isoformat(), **about, "files": files}
    target = work / LIST
    target.touch(0o600, exist_ok=False)
    target.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    flush(target)


def _give_name(work: Path, folder: Path, at: datetime) -> Path:
    stamp = f"{to_ist(at):%Y-%m-%d-%H%M%S}"
    for number in count(1):
        target = folder / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            return work.rename(target)
        except OSError as error:
            if error.errno not in _NAME_EXISTS:
                raise
    raise AssertionError("no free name for the backup was found")


def _reason(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"
