"""Files of the program are for their owner alone, whatever the umask says; a file that a person asked for follows the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The rights of everybody but the owner."""
_OWNER_ONLY = 0o077
_OF_A_HOME = frozenset({"tradectl.toml", "sessions.csv", "secret.key", "market", "logs", "backups", "brokers", "drill"})
"""What a person may have put into a folder before it becomes a home."""
LEDGER = "ledger.db"
"""The ledger of a home, and of a simulation that was kept in a folder of its own."""
_asked: list[int] = []


def close_by_default() -> None:
    """Give every file and folder that this process makes from now on to its owner alone."""
    before = os.umask(_OWNER_ONLY)
    if not _asked:
        _asked.append(before)


def as_asked(path: str, flags: int) -> int:
    """Open a file for a person, as an `opener` of `open`: a new one has the rights that the umask of the shell leaves."""
    try:
        handle = os.open(path, flags | os.O_EXCL, 0o600) if flags & os.O_CREAT else os.open(path, flags)
    except FileExistsError:
        return os.open(path, flags & ~os.O_CREAT)
    if _asked and flags & os.O_CREAT:
        os.fchmod(handle, 0o666 & ~_asked[0])
    return handle


def close(paths: Iterable[Path]) -> None:
    """Take the rights of others off files of ours; what is missing, or another user's, stays as it is."""
    for path in paths:
        with suppress(OSError):
            found = path.lstat()
            if found.st_mode & OTHERS and found.st_uid == os.geteuid() and stat.S_ISREG(found.st_mode):
                path.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def make_home(folder: Path) -> None:
    """Make a folder for its owner alone. One that is there is closed to others only if nothing else lives in it: a folder such as
    /tmp stays as it is, and `doctor` says so."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        found = folder.stat()
        ours = found.st_uid == os.geteuid() and all(path.name in _OF_A_HOME for path in folder.iterdir())
        if found.st_mode & OTHERS and ours:
            folder.chmod(0o700)


def close_home(folder: Path) -> None:
    """Close the folder of a home that an earlier version left open. One with folders of other programs in it stays as it is, and
    so do a folder in which every account may write and the account's own directory: `doctor` says so."""
    with suppress(OSError):
        found = folder.stat()
        shared = found.st_mode & (stat.S_ISVTX | stat.S_IWOTH) or folder == Path.home()
        if found.st_mode & OTHERS and found.st_uid == os.geteuid() and not shared:
            inside = (path for path in folder.iterdir() if path.is_dir() and path.name not in _OF_A_HOME)
            if all((path / LEDGER).exists() for path in inside):
                folder.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)


def open_to_others(folder: Path) -> Iterator[Path]:
    """Yield a folder and what is in it, as far as others have rights on it. Links are not followed."""
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            mode = path.lstat().st_mode
            if mode & OTHERS and not stat.S_ISLNK(mode):
                yield path
