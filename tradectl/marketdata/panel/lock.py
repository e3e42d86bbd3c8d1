"""Let one process at a time write in a market folder, by a locked file.

Every writer takes it before the lock of the archive's database, so no two writers wait for each other. Readers take no lock.
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
"""Seconds to wait for another writer, which may be importing ten years."""
_PAUSE = 0.02
"""Seconds between two tries."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from deriving and importing meanwhile.

    In a folder where the file cannot be made nothing else can be written either, and the first write says why.

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
            raise DatabaseError(f"{folder}: another process has been writing market data for ten minutes")
        yield
    finally:
        os.close(file)
