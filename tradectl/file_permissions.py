"""Restrict the program's own files to their owner, whatever the umask. Files that a user exports follow the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The permission bits of the group and of others."""
_OWNER_ONLY = 0o077
_OF_A_HOME = frozenset(
    {"tradectl.toml", "sessions.csv", "secret.key", "market", "logs", "backups", "brokers", "drill", "recordings"}
)
"""Names that a folder may contain before it becomes a home."""
LEDGER = "ledger.db"
"""The name of the ledger's file in a home, and in the folder of a stored simulation."""
_shell_umask: list[int] = []


def close_by_default() -> None:
    """Set the umask so that every file and folder that this process makes from now on is for its owner only."""
    before = os.umask(_OWNER_ONLY)
    if not _shell_umask:
        _shell_umask.append(before)


def as_asked(path: str, flags: int) -> int:
    """Open a file that the user named, as the `opener` of `open`. A new file gets the permissions of the shell's umask."""
    try:
        handle = os.open(path, flags | os.O_EXCL, 0o600) if flags & os.O_CREAT else os.open(path, flags)
    except FileExistsError:
        return os.open(path, flags & ~os.O_CREAT)
    if _shell_umask and flags & os.O_CREAT:
        os.fchmod(handle, mode_as_asked())
    return handle


def mode_as_asked() -> int:
    """Return the mode of a new file that the user named: by the shell's umask, which was there before `close_by_default`."""
    return 0o666 & ~(_shell_umask[0] if _shell_umask else _OWNER_ONLY)


def close(paths: Iterable[Path]) -> None:
    """Remove the permissions of group and others from files of this user. Missing files and files of others are skipped."""
    for path in paths:
        with suppress(OSError):
            found = path.lstat()
            if found.st_mode & OTHERS and found.st_uid == os.geteuid() and stat.S_ISREG(found.st_mode):
                path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def make_home(folder: Path) -> None:
    """Make a folder that only its owner can access. Raises OSError.

    An existing folder is closed to others only if it has only files of a home. A folder such as /tmp is not changed, and
    `doctor` reports it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        found = folder.stat()
        ours = found.st_uid == os.geteuid() and all(path.name in _OF_A_HOME for path in folder.iterdir())
        if found.st_mode & OTHERS and ours:
            folder.chmod(0o700)


def close_home(folder: Path) -> None:
    """Remove the permissions of group and others from a home that an earlier version left open.

    Three kinds of folder are not changed, and `doctor` reports them: the user's home directory, a folder in which every account
    may write, and a folder with folders of other programs.
    """
    with suppress(OSError):
        found = folder.stat()
        shared = found.st_mode & (stat.S_ISVTX | stat.S_IWOTH) or folder == Path.home()
        if found.st_mode & OTHERS and found.st_uid == os.geteuid() and not shared:
            inside = (path for path in folder.iterdir() if path.is_dir() and path.name not in _OF_A_HOME)
            if all((path / LEDGER).exists() for path in inside):
                folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def open_to_others(folder: Path) -> Iterator[Path]:
    """Yield the folder, and all paths below it, for which group or others have permissions. Links are not followed."""
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            mode = path.lstat().st_mode
            if mode & OTHERS and not stat.S_ISLNK(mode):
                yield path
