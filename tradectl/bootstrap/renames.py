"""Keep a home on the newest list of renames: its ledger, and the parts of a world that have read the market data.

The paper exchange follows by itself when it reads an account (`brokers/paper/instrument_ids.py`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError, DataError
from tradectl.freshness import ARCHIVE
from tradectl.lazy import is_made
from tradectl.stored_renames import read_renames

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tradectl.ledger.engine import Database
    from tradectl.ledger.store import Ledger
    from tradectl.marketdata.store import Store
    from tradectl.screener.readings import Readings


def follow_renames(folder: Path, ledger: Ledger, now: datetime, *, writable: Callable[[], Database]) -> None:
    """Let the ledger's rows follow the list of renames in a market folder.

    Nothing changes without market data: a folder that is not mounted proves no rename. A ledger that is open for reading only is
    opened again by `writable`; if it cannot be written, its rows stay as they are. Raises DatabaseError.
    """
    from tradectl.ledger import instrument_ids
    from tradectl.ledger.store import Ledger

    try:
        renames = read_renames(folder)
    except DatabaseError:
        return  # each command that needs the data reports this
    if renames is None:
        return
    if not ledger.database.read_only:
        instrument_ids.follow_renames(ledger, renames, now)
        return
    if instrument_ids.are_followed(ledger, renames):
        return
    with suppress(DatabaseError):
        database = writable()
        try:
            instrument_ids.follow_renames(Ledger(database, ledger.user), renames, now)
        finally:
            database.close()


@dataclass(slots=True)
class RenameWatch:
    """Lets a process that runs for long follow a list of renames that another process imports.

    Attributes:
        forget_broker: Drops what the broker keeps of the market data.
        follow: Lets the ledger follow.
    """

    folder: Path
    market: Store
    readings: Readings
    forget_broker: Callable[[], None]
    follow: Callable[[], None]
    _stamp: tuple[int, int] | None = field(init=False)

    def __post_init__(self) -> None:
        self._stamp = _stamp(self.folder)

    def __call__(self) -> bool:
        """Return whether the list changed since the market data were read; everything that was read of them is dropped then."""
        stamp = _stamp(self.folder)
        if stamp == self._stamp or stamp is None:
            return False
        self._stamp = stamp
        if is_made(self.market) and not self._list_changed():
            return False
        if is_made(self.market):
            self.market.reopen()
        if is_made(self.readings):
            self.readings.forget()
        self.forget_broker()
        self.follow()
        return True

    def _list_changed(self) -> bool:
        try:
            renames = read_renames(self.folder)
            return renames is not None and set(renames) != set(self.market.renames())
        except (DataError, DatabaseError):
            return False


def _stamp(folder: Path) -> tuple[int, int] | None:
    """Return what changes with each import into a market folder; None without an archive."""
    try:
        found = os.stat(folder / ARCHIVE)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
