"""A backup of a home while it trades: its databases as they were at one moment, and the small files they need.

The ledger's write lock is held for the milliseconds in which both snapshots are opened, the ledger's first: so every order of
the copied exchange has its intent in the copied ledger, and an intent without its order is nothing but a crash before sending,
which is reconciled every day. The other way round the ledger would believe in orders and fills that its exchange never heard
of, which no reading of a book can prove or undo (a real broker, of which nothing is copied, is always the newer of the two).

The copies are SQLite's own (its online backup), each checked after it was written. Everything goes to a folder with a leading
dot, to the disk, and only then gets its name: what looks like a backup is one, whenever the process died.
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
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from tradectl.errors import DatabaseError
from tradectl.files import flush, lock, try_lock
from tradectl.ledger.engine import BUSY_SECONDS, Database
from tradectl.ledger.failures import translated
from tradectl.model.moment import to_ist

LEDGER, EXCHANGE, LIST = "ledger.db", "paper.db", "backup.json"
"""Names in a backup: those that a home has by default."""
UNFINISHED = ".unfinished-"
NAME = re.compile(r"(\d{4}-\d{2}-\d{2}-\d{6})(?:-(\d+))?")
_FORM = {LEDGER: "SELECT version_num FROM alembic_version", EXCHANGE: "PRAGMA user_version"}
"""What tells which version of the program can read a copy."""
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class Copy:
    """One file of a backup: its name there, where it came from and goes back to, and what it is."""

    name: str
    origin: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Backup:
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
    """Make a backup in `folder`, named by the moment in India; a second one of that second gets a number.

    `ledger` is a database on SQLite, `exchange` the paper exchange's file; None for what is not copied. `files` are plain files
    by their names in the backup, left out where they do not exist. `about` goes into its list, `backup.json`. Nobody but the
    owner may read what is made. Raises DatabaseError, and then leaves nothing behind.
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
    """The finished backups in `folder`, oldest first."""
    found = ((NAME.fullmatch(path.name), path) for path in folder.iterdir())
    named = [(match[1], int(match[2] or 1), path) for match, path in found if match and (path / LIST).is_file()]
    return [path for *_, path in sorted(named)]


def keep_newest(folder: Path, keep: int, made: Path) -> list[Path]:
    """Remove all but the newest `keep` backups, never the one just made; those removed. Raises DatabaseError."""
    try:
        with _alone(folder):
            older = [path for path in backups(folder) if path != made]
            gone = older[: max(0, len(older) - (keep - 1))]
            for path in gone:
                shutil.rmtree(path.rename(folder / f"{UNFINISHED}{path.name}"))
    except OSError as error:
        raise DatabaseError(f"the backup is in {made}, but older ones could not be removed: {_reason(error)}") from error
    return gone


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A folder to work in, removed where the work fails. It is locked while we live: by that the next one knows the dead."""
    with _alone(folder):
        for old in folder.glob(f"{UNFINISHED}*"):
            _remove_if_dead(old)
        work = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
        handle = os.open(work, os.O_RDONLY)
        with suppress(OSError):  # the file system has no locks
            lock(handle)
    try:
        yield work
    except BaseException:  # also a signal must not leave it
        shutil.rmtree(work, ignore_errors=True)
        raise
    finally:
        os.close(handle)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time work in a folder, for steps that are short."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # the file system has no locks
            lock(handle)
        yield
    finally:
        os.close(handle)


def _remove_if_dead(work: Path) -> None:
    """Remove an unfinished backup whose process has died. Where the file system has no locks it stays for a person."""
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
            told = f"the copy of {origin} in {folder}"
            try:
                _copy_database(snapshot, work / name, told)
            except sqlite3.DatabaseError as error:
                raise translated(error, told) from error
            yield _described(work / name, origin)


@contextmanager
def _snapshot(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees the file as it is now for as long as it is held; in WAL mode writers go on beside it."""
    try:
        uri = f"{file.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        with closing(connection):
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the first read opens it, not the BEGIN
            yield connection
    except sqlite3.DatabaseError as error:
        raise translated(error, str(file)) from error


def _copy_database(snapshot: sqlite3.Connection, target: Path, told: str) -> None:
    """Copy and check: sound, and of a form that can be read. DatabaseError where it is not."""
    target.touch(0o600, exist_ok=False)
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        snapshot.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file that needs no -wal beside it
        [found] = copy.execute("PRAGMA integrity_check(1)").fetchone()
        form = copy.execute(_FORM[target.name]).fetchone()
    if found != "ok":
        raise DatabaseError(f"{told} is damaged ({' '.join(found.split())}), and so must be what was copied: keep older backups")
    if not form or not form[0]:
        raise DatabaseError(f"{told} does not say which version wrote it")


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
            if error.errno not in _TAKEN:
                raise
    raise AssertionError("there is always a next number")


def _reason(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"
