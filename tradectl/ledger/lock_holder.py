"""Find the process that holds a ledger's write lock, and whether it is stopped, from /proc/locks on Linux.

Files are compared by device and inode numbers only. Opening and closing a file here would drop SQLite's own locks on it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from tradectl.clock import stopwatch
from tradectl.ledger.process_identity import process_state

STOPPED_SECONDS = 1.0
"""Seconds for which the process with the lock must be stopped before a writer ends its wait."""
CHECK_SECONDS = 0.25
"""Seconds between two checks of the process with the lock."""
_LOCKS = Path("/proc/locks")
_WRITE_BYTE = 120
"""The byte of a `-shm` file that SQLite locks while it writes in WAL mode."""


class LockHolder(Struct, frozen=True):
    """A process that holds the write lock of a ledger's file. `command`: its command line; empty if it cannot be read."""

    pid: int
    command: str
    stopped: bool

    def describe(self, name: str) -> str:
        """Return one line: which process holds the lock, the consequence, and the commands that help."""
        what = f"process {self.pid}{f' ({self.command})' if self.command else ''}"
        if not self.stopped:
            return f"{name} is locked by {what}"
        return (
            f"{name} is locked by {what}, which is stopped: nothing can be written until that process continues "
            f"(`kill -CONT {self.pid}`) or ends (`kill -KILL {self.pid}`)"
        )


def lock_holder(path: str) -> LockHolder | None:
    """Return the process that keeps writers of a SQLite file waiting, a stopped process first; None if none is found."""
    found = [LockHolder(pid, _command(pid), process_state(pid) in {"T", "t"}) for pid in sorted(set(_holders(path)))]
    return next((item for item in found if item.stopped), found[0] if found else None)


class StoppedHolderTimer:
    """Decide when to stop waiting for a file's write lock, because its holder stays stopped. Make one object for each wait."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stopped_since: float | None = None

    def has_expired(self) -> bool:
        """Return whether the holder was found stopped at every check for `STOPPED_SECONDS` seconds."""
        holder = lock_holder(self._path)
        if holder is None or not holder.stopped:
            self._stopped_since = None
            return False
        now = stopwatch()
        if self._stopped_since is None:
            self._stopped_since = now
        return now - self._stopped_since >= STOPPED_SECONDS


def _holders(path: str) -> list[int]:
    """Return the ids of the processes that hold the write lock, from /proc/locks or else from each process's fdinfo.

    Some file systems (btrfs, overlayfs) show different numbers of a file in stat(2) and in /proc/locks. Then each process that
    may hold the lock is examined. A process that may not be examined, for example of another user, is left out.
    """
    real = os.path.realpath(path)
    beside = {"FLOCK": f"{real}.lock", "POSIX": f"{real}-shm"}
    named = {kind: _identity(file) for kind, file in beside.items()}
    try:
        lines = _LOCKS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:  # not Linux, or hidden from us
        return []
    locks = [lock for lock in map(_lock, lines) if lock is not None and lock.pid != os.getpid()]
    shown = [lock.pid for lock in locks if lock.file == named[lock.kind]]
    return shown or [lock.pid for lock in locks if _is_held_in(lock, beside[lock.kind])]


class _Lock(NamedTuple):
    """A lock that keeps writers waiting. `file`: device and inode, as the kernel shows them."""

    kind: str
    pid: int
    file: str


def _lock(line: str) -> _Lock | None:
    """Parse a line of /proc/locks or of a process's fdinfo; return None for a lock that keeps no writer waiting."""
    fields = line.split()
    if len(fields) < 8 or fields[1] == "->" or fields[3] != "WRITE" or not fields[4].isdigit():
        return None
    kind, pid, file, first = fields[1], int(fields[4]), fields[5], fields[6]
    return _Lock(kind, pid, file) if kind == "FLOCK" or (kind == "POSIX" and first == str(_WRITE_BYTE)) else None


def _is_held_in(lock: _Lock, path: str) -> bool:
    """Return whether /proc/PID/fdinfo shows this lock at an open descriptor of the file `path`."""
    process = Path(f"/proc/{lock.pid}")
    try:
        ours = os.stat(path)
        descriptors = os.listdir(process / "fd")
    except OSError:
        return False
    for descriptor in descriptors:
        with suppress(OSError):  # closed meanwhile
            if not os.path.samestat(os.stat(process / "fd" / descriptor), ours):
                continue
            text = (process / "fdinfo" / descriptor).read_text(encoding="ascii", errors="replace")
            found = (_lock(line.removeprefix("lock:")) for line in text.splitlines() if line.startswith("lock:"))
            if any(held is not None and (held.kind, held.pid) == (lock.kind, lock.pid) for held in found):
                return True
    return False


def _identity(path: str) -> str:
    """Return a file's device and inode as /proc/locks shows them on most file systems; empty if there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"


def _command(pid: int) -> str:
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    text = " ".join(word.decode("utf-8", errors="replace") for word in raw.split(b"\0") if word and b"://" not in word)
    return "".join(c if c.isprintable() else "?" for c in text)[:120]
