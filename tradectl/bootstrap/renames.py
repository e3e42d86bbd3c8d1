"""Keep a home on the newest list of renames: its ledger, and the parts of a world that have read the market data.

The paper exchange follows by itself when it reads an account (`brokers/paper/instrument_ids.py`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError, DataError
from tradectl.freshness import ARCHIVE
from tradectl.lazy import is_made
from tradectl.stored_renames import read_renames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tradectl.ledger.engine import Database
    from tradectl.ledger.instrument_ids import ChangedId
    from tradectl.ledger.store import Ledger
    from tradectl.marketdata.store import Store
    from tradectl.model.renames import Rename, Renames
    from tradectl.ports import Clock
    from tradectl.screener.readings import Readings


@dataclass(slots=True)
class LedgerRenames:
    """Lets the rows of a ledger follow the list of renames in a market folder.

    Nothing changes without market data: a folder that is not mounted proves no rename. A ledger that is open for reading only is
    opened again by `writable`, which must not wait long; if it cannot be written, its rows stay as they are.

    Attributes:
        stamp: The state of the archive before the list was read; None before the first read.
        renames: The list that the rows follow; None without an archive.
        stale_step: The ids that changed after the present step began; empty if none did.
    """

    folder: Path
    ledger: Ledger
    clock: Clock
    writable: Callable[[], Database]
    stamp: tuple[int, int] | None = field(default=None, init=False)
    renames: frozenset[Rename] | None = field(default=None, init=False)
    stale_step: str = field(default="", init=False)

    @property
    def behind(self) -> bool:
        """Return whether the archive changed since the list was read, or was never read."""
        found = _stamp(self.folder)
        return found is not None and found != self.stamp

    def follow(self) -> bool:
        """Follow the present list; return False if it cannot be read soon, or a ledger for reading cannot be opened for
        writing. Then the rows stay as they are, and `behind` is True.

        Raises DatabaseError if the rows cannot be written.
        """
        stamp = _stamp(self.folder)
        try:
            renames = read_renames(self.folder)
        except DatabaseError:
            return False  # each command that needs the data reports this
        if renames is not None:
            self._write(renames, stamp)
        return self.stamp == stamp

    def follow_market(self, market: Store) -> Store:
        """Follow the list of an opened market, and return the market: a step never has a newer list than its ledger.

        Raises:
            DatabaseError: The market data cannot be read, or the rows cannot be written.
            DataError: Ids changed, so rows that this step has already read have former ids. Each further use of the market
                raises it, too, until the next step begins (`RenameWatch`).
        """
        if self.behind:
            stamp = _stamp(self.folder)
            self.stale_step = "; ".join(item.text for item in self._write(market.renames(), stamp))
        if self.stale_step:
            raise DataError(f"{self.stale_step}: the ledger has just followed it; start this again")
        return market

    def _write(self, renames: Renames, stamp: tuple[int, int] | None) -> Sequence[ChangedId]:
        """Return the ids that changed; none for a ledger that is open for reading only."""
        from tradectl.ledger import instrument_ids
        from tradectl.ledger.store import Ledger

        changed: Sequence[ChangedId] = ()
        if not self.ledger.database.read_only:
            changed = instrument_ids.follow_renames(self.ledger, renames, self.clock.now())
        elif not instrument_ids.are_followed(self.ledger, renames):
            database = self.writable()
            try:
                instrument_ids.follow_renames(Ledger(database, self.ledger.user), renames, self.clock.now())
            except DatabaseError:
                return ()  # this command trades nothing; the rows stay behind until the next try
            finally:
                database.close()
        self.stamp, self.renames = stamp, frozenset(renames)
        return changed


@dataclass(slots=True)
class RenameWatch:
    """Lets a process that runs for long follow a list of renames that another process imports.

    Attributes:
        forget_broker: Drops what the broker keeps of the market data.
    """

    ledger: LedgerRenames
    market: Store
    readings: Readings
    forget_broker: Callable[[], None]
    _stamp: tuple[int, int] | None = field(init=False)
    _renames: frozenset[Rename] | None = field(init=False)

    def __post_init__(self) -> None:
        self._stamp, self._renames = self.ledger.stamp, self.ledger.renames

    def __call__(self) -> bool:
        """Return whether the list changed since the last call that succeeded; what was read of the market data is dropped then.

        The ledger follows first. If the list or the ledger is locked, all parts stay as they are, and the next call tries again.
        Call it at the begin of a step.
        """
        self.ledger.stale_step = ""
        stamp = _stamp(self.ledger.folder)
        if stamp is None or stamp == self._stamp:
            return False
        try:
            if not self.ledger.follow():
                return False
        except DatabaseError:
            return False
        renames = self.ledger.renames
        changed = renames != self._renames
        if changed:
            if is_made(self.market):
                self.market.reopen()
            if is_made(self.readings):
                self.readings.forget()
            self.forget_broker()
        self._stamp, self._renames = stamp, renames  # only now: after an error the next call does all of it again
        return changed


def _stamp(folder: Path) -> tuple[int, int] | None:
    """Return what changes with each import into a market folder; None without an archive."""
    try:
        found = os.stat(folder / ARCHIVE)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
