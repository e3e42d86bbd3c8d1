"""One writer at a time in a market folder: a locked file, which the operating system takes back from a process that died.

It is taken before the archive's own lock, by everybody, so that nobody waits for the other one. Readers never take it.
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
"""Seconds to wait for another writer, who may be importing ten years."""
_LOOK = 0.02


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else derives or imports meanwhile. DatabaseError when another has been at it for too long.

    In a folder where the file cannot be made nothing else can be written either: what is tried says why.
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
