"""Check that this user can read and write the files of a home, its ledger and its market data.

A command that once ran as another user (root, a container) leaves files that the tasks cannot write. SQLite creates its log and
index beside a database, so these files and the folders are checked too.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError

if TYPE_CHECKING:
    from tradectl.settings import Settings

SQLITE = "sqlite:///"
BESIDE = ("", "-wal", "-shm", ".lock", ".next")
"""The name endings of a database file and of the files beside it."""
SHOWN = 5
"""The most files that an error names."""


def writable(settings: Settings) -> str:
    """Return a text if this user can use all files. Raises DatabaseError with the files that the user cannot read or write."""
    effective = os.access in os.supports_effective_ids
    refused = [path for path, mode in _needed(settings) if not os.access(path, mode, effective_ids=effective)]
    refused = [path for path in refused if not _is_gone(path)]
    if refused:
        named = ", ".join(_described(path) for path in refused[:SHOWN])
        more = f" and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        raise DatabaseError(
            f"{_name(os.geteuid())} cannot use {named}{more}: tasks fail where they must write, and orders are not recorded. "
            f"Give the files to the user of the tasks: `chown -R USER {settings.home}`"
        )
    return f"{_name(os.geteuid())} can write every file of {settings.home}"


def _needed(settings: Settings) -> Iterator[tuple[Path, int]]:
    """Yield each existing file and folder with the access that it needs, as for `os.access`."""
    read_only = {settings.secret_key, settings.sessions, settings.home / "tradectl.toml"}
    ledger = Path(settings.database.removeprefix(SQLITE)) if settings.database.startswith(SQLITE) else None
    seen: set[Path] = set()
    for path in _all(settings, ledger):
        if path not in seen:
            seen.add(path)
            folder = os.path.isdir(path)
            yield path, os.R_OK if path in read_only else os.R_OK | os.W_OK | (os.X_OK if folder else 0)


def _all(settings: Settings, ledger: Path | None) -> Iterator[Path]:
    for folder in (settings.home, settings.market):
        if folder.exists():
            for place, folders, files in os.walk(folder):
                folders.sort()
                yield Path(place)
                yield from (Path(place, name) for name in [*folders, *sorted(files)])
    for database in (ledger, settings.paper):
        if database is not None and database.parent.exists():
            yield database.parent
            yield from (path for end in BESIDE if (path := database.with_name(f"{database.name}{end}")).exists())


def _is_gone(path: Path) -> bool:
    """Return whether a file no longer exists: a task may have removed it since it was listed."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _described(path: Path) -> str:
    try:
        found = path.stat()
    except OSError as error:
        return f"{path} ({error.strerror})"
    return f"{path} (of {_name(found.st_uid)}, mode {stat.S_IMODE(found.st_mode):o})"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
