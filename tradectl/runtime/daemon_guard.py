"""Keep one daemon for each user of a home, and notice when the home disappears under it.

The lock is on a file of the home, so the operating system releases it when the daemon dies. The open ledger of a process works on
after its file was removed or replaced, and what it writes is lost. So the daemon compares the file with the one that it opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.files import CAN_LOCK, PRIVATE, try_lock
from tradectl.ledger.process_identity import split_identity

if TYPE_CHECKING:
    from tradectl.settings import Settings

SQLITE = "sqlite:///"


@contextmanager
def only_daemon(home: Path, user: str, identity: str, since: str) -> Iterator[str]:
    """Hold the lock of a user's daemon; yield an empty text, or a description of the daemon that holds it.

    Args:
        home: The folder of the home.
        user: The user of the ledger.
        identity: That of this process.
        since: When this process started, for people.
    """
    if not CAN_LOCK:
        yield ""
        return
    descriptor = os.open(home / f"daemon-{user}.lock", os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        locked = True
        with suppress(OSError):  # a file system without locks: the claims of the tasks still hold
            locked = try_lock(descriptor)
        if not locked:
            yield _described(os.pread(descriptor, 1000, 0).decode(errors="replace"))
            return
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{identity}\n{since}\n".encode(), 0)
        yield ""
    finally:
        os.close(descriptor)


def _described(content: str) -> str:
    """Return the process of a lock file; a file that was just made may be empty."""
    identity, _, since = content.strip().partition("\n")
    host, _, pid, _ = split_identity(identity)
    return f"process {pid} on {host}, since {since}" if pid else "another process"


class HomeWatch:
    """Whether the files of a home are still those that this process opened."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ledger = settings.database.removeprefix(SQLITE) if settings.database.startswith(SQLITE) else ""
        self._opened = self._identity()

    def problem(self) -> str:
        """Return what is missing or replaced, as a part of a message; empty if nothing is."""
        if missing := self._settings.missing_home:
            return missing
        if self._identity() != self._opened:
            return f"the ledger {self._ledger or self._settings.home} was replaced by another file"
        return ""

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._ledger or self._settings.home)
        except OSError:
            return None
        return found.st_dev, found.st_ino
