"""Give the tick sizes and the symbols of an instrument on many sessions at once, as `Store.instrument` gives them for one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from tradectl.exchange.tick_rows import tick_sizes
from tradectl.model.history import History, Ints

if TYPE_CHECKING:
    from tradectl.marketdata.instrument_dumps import InstrumentDumps
    from tradectl.model.market import Instrument
    from tradectl.model.renames import Renames

_EPOCH = date(1970, 1, 1).toordinal()


class StoredTerms(Struct, frozen=True):
    """Give the terms of instruments.

    Attributes:
        history: Returns the bars of an instrument; None without bars.
        instrument: Returns an instrument on one session.
    """

    history: Callable[[str], History | None]
    instrument: Callable[[str, date], Instrument]
    renames: Renames
    dumps: InstrumentDumps

    def tick_sizes(self, instrument_id: str, sessions: Ints) -> Ints:
        """Return the tick sizes (paise) on some sessions (ordinals, ascending).

        The last close before a month gives the ticks of the month. A dump of that month replaces them from its date on.
        """
        history = self.history(instrument_id)
        if history is None or not len(sessions):
            return self._one_by_one(instrument_id, sessions)
        begins = _month_begins(int(sessions[0]), int(sessions[-1]))[sessions - int(sessions[0])]
        before = np.searchsorted(history.sessions, begins) - 1
        found = tick_sizes(sessions, history.close[np.maximum(before, 0)])
        for month in self.dumps.months:
            inside = np.flatnonzero(begins == date.fromisoformat(f"{month}-01").toordinal())
            if len(inside):
                found[inside] = self._after_dumps(instrument_id, month, sessions[inside], found[inside])
        return found

    def _after_dumps(self, instrument_id: str, month: str, sessions: Ints, ticks: Ints) -> Ints:
        """Return the ticks of sessions of a month (such as 2024-01) with a dump. `ticks`: without the dump."""
        if self._renamed(instrument_id):
            return self._one_by_one(instrument_id, sessions)
        found = ticks.copy()
        for entry in self.dumps.of(self.renames.name_on(instrument_id, date.fromordinal(int(sessions[0])))):
            if entry.dated.startswith(month):
                found[sessions >= date.fromisoformat(entry.dated).toordinal()] = entry.tick_size
        return found

    def _one_by_one(self, instrument_id: str, sessions: Ints) -> Ints:
        days = map(date.fromordinal, sessions.tolist())
        return np.array([self.instrument(instrument_id, day).tick_size for day in days], dtype=np.int64)

    def symbols_on(self, instrument_id: str, sessions: Ints) -> list[str]:
        """Return the symbols on some sessions (ordinals)."""
        if not len(sessions) or not self._renamed(instrument_id):
            return [self.renames.name_on(instrument_id, date.max)] * len(sessions)
        return [self.renames.name_on(instrument_id, date.fromordinal(day)) for day in sessions.tolist()]

    def _renamed(self, instrument_id: str) -> bool:
        return self.renames.touches(instrument_id.partition("~")[0])


@lru_cache(maxsize=64)
def _month_begins(first: int, last: int) -> Ints:
    """Return the first day of the month of each date from `first` to `last` (all ordinals)."""
    days = np.arange(first - _EPOCH, last - _EPOCH + 1).astype("datetime64[D]")
    begins: Ints = days.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + _EPOCH
    return begins
