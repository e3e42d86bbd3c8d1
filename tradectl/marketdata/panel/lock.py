"""Allow one writer at a time in a market folder, by a file lock that the operating system releases when a process dies.

Every writer takes it before the archive's own lock, so that no two writers wait for each other. Readers never take it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradectl.clock import SystemClock, stopwatch
from tradectl.errors import DatabaseError

_PATIENCE = 600.0
"""Seconds to wait for another writer, which may be importing ten years."""
_LOOK = 0.02


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Exclude other writers for the block. Raises DatabaseError if another writer does not finish in time.

    If the lock file cannot be created, nothing else can be written there either: the write itself raises the error.
    """
    try:
        file = os.open(folder / "panel.lock", os.O_RDONLY | os.O_CREAT, 0o600)
    except OSError:
        yield
        return
    try:
        _wait(file, folder)
        yield
    finally:
        os.close(file)


def _wait(file: int, folder: Path) -> None:
    clock, began = SystemClock(), stopwatch()
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            if stopwatch() - began > _PATIENCE:
                raise DatabaseError(f"{folder}: another process has been writing market data for ten minutes") from busy
            clock.sleep(_LOOK)
        else:
            return
