"""Which process holds a ledger's write lock, and whether it is stopped, as Linux lists it in /proc/locks.

The files are only compared by device and inode: to open and close one of them would drop SQLite's own locks on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tradectl.clock import stopwatch
from tradectl.ledger.owner import state_of

STOPPED_FOR = 1.0
"""Seconds for which the holder of a lock must be seen stopped before waiting for it is given up."""
LOOK_EVERY = 0.25
"""Seconds between two looks at the holder while waiting."""
_LOCKS = Path("/proc/locks")
_WRITE_BYTE = 120
"""The byte of a `-shm` file that SQLite locks while it writes in WAL mode."""


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process that holds the write lock of a ledger's file. `command` is its command line, empty where it cannot be read."""

    pid: int
    command: str
    stopped: bool

    def told(self, name: str) -> str:
        """Return one line: what holds the lock, what it means, and the commands that help."""
        what = f"process {self.pid}{f' ({self.command})' if self.command else ''}"
        if not self.stopped:
            return f"{name} is locked by {what}"
        return (
            f"{name} is locked by {what}, which is stopped: nothing can be written until it goes on (`kill -CONT {self.pid}`) "
            f"or ends (`kill -KILL {self.pid}`)"
        )


def lock_holder(path: str) -> LockHolder | None:
    """Return the process that keeps writers of an SQLite file waiting, a stopped one first; None where none is known."""
    found = [LockHolder(pid, _command(pid), state_of(pid) in {"T", "t"}) for pid in sorted(set(_holders(path)))]
    return next((item for item in found if item.stopped), found[0] if found else None)


class Patience:
    """Tells when waiting for the write lock of a file is of no use, because its holder stays stopped. One for each wait."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stopped_since: float | None = None

    def is_over(self) -> bool:
        """Return whether the holder was found stopped at every look for `STOPPED_FOR` seconds."""
        holder = lock_holder(self._path)
        if holder is None or not holder.stopped:
            self._stopped_since = None
            return False
        now = stopwatch()
        if self._stopped_since is None:
            self._stopped_since = now
        return now - self._stopped_since >= STOPPED_FOR


def _holders(path: str) -> Iterator[int]:
    real = os.path.realpath(path)
    queue, shared = _identity(f"{real}.lock"), _identity(f"{real}-shm")
    try:
        lines = _LOCKS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:  # not Linux, or hidden from us
        return
    for line in lines:
        fields = line.split()
        if len(fields) < 8 or fields[1] == "->" or fields[3] != "WRITE" or not fields[4].isdigit():
            continue
        kind, pid, file, first = fields[1], int(fields[4]), fields[5], fields[6]
        if pid == os.getpid():
            continue
        if (kind == "FLOCK" and file == queue) or (kind == "POSIX" and file == shared and first == str(_WRITE_BYTE)):
            yield pid


def _identity(path: str) -> str:
    """Return a file as /proc/locks names it; empty where there is none."""
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
