"""Lock a market folder for one writing process at a time.

Each writer takes this lock before the lock of the archive's database, so that there is no deadlock. Readers take no lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradectl.clock import SystemClock
from tradectl.errors import DatabaseError
from tradectl.files import lock_within

_PATIENCE = 600.0
"""Seconds to wait for another writer, which may import ten years of bars."""
_PAUSE = 0.02
"""Seconds between two attempts to take the lock."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a market folder during a block.

    If the lock file cannot be created, the block runs without a lock: the folder is not writable, and the first write reports it.

    Raises:
        DatabaseError: Another process holds the lock for longer than `_PATIENCE`.
    """
    try:
        file = os.open(folder / "panel.lock", os.O_RDONLY | os.O_CREAT, 0o600)
    except OSError:
        yield
        return
    try:
        if not lock_within(file, _PATIENCE, pause=_PAUSE, sleep=SystemClock().sleep):
            raise DatabaseError(
                f"{folder}: another process has been writing market data for ten minutes; run the command again when it has ended"
            )
        yield
    finally:
        os.close(file)
