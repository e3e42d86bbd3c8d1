"""Readings on demand: indicator columns are computed once an instrument and then only looked up.

All columns are causal, so a reading of session t is the same whatever bars came later; nobody gets one of a later session
than he asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from tradectl.model.history import Floats, History
from tradectl.model.market import Bar
from tradectl.model.position import Trade
from tradectl.ports import MarketData
from tradectl.strategy.features import Features, Reading, features
from tradectl.strategy.parameters import Parameters


class Readings:
    """The readings of one market under one set of parameters."""

    def __init__(self, market: MarketData, parameters: Parameters) -> None:
        self._market = market
        self._parameters = parameters
        self._columns: dict[str, tuple[History, Features]] = {}
        self._extended: dict[str, tuple[History, Features]] = {}
        self._kept: dict[str, tuple[History, date, Reading | None]] = {}
        self._reference: dict[str, tuple[History, tuple[Trade, ...]]] = {}

    def columns(self, instrument_id: str) -> tuple[History, Features] | None:
        """History and features of an instrument; None where there is no bar at all."""
        known = self._columns.get(instrument_id)
        history = self._market.history(instrument_id)
        if history is None:
            return None
        if known is None or known[0] is not history:
            known = (history, features(history, self._parameters))
            self._columns[instrument_id] = known
        return known

    def reading(self, instrument_id: str, through: date) -> Reading | None:
        """The reading of the last stored bar of a session <= `through`."""
        columns = self.columns(instrument_id)
        if columns is None:
            return None
        history, table = columns
        kept = self._kept.get(instrument_id)
        if kept is not None and kept[0] is history and kept[1] == through:
            return kept[2]
        index = history.last_index(through)
        found = table.reading(history, index) if index >= 0 else None
        self._kept[instrument_id] = (history, through, found)
        return found

    def reading_with(self, instrument_id: str, bar: Bar, multiplier: float) -> tuple[History, Reading] | None:
        """The reading of a session whose bar is not final yet, put behind the stored bars of earlier sessions. Where the
        stored bar of that session says the same, its reading is the same."""
        columns = self.columns(instrument_id)
        if columns is None:
            return None
        history, table = columns
        index = history.index(bar.session)
        if index is not None and _same(history.bar(index), bar):
            return history, table.reading(history, index)
        extended = history.through(date.fromordinal(bar.session.toordinal() - 1)).with_bar(bar, multiplier)
        self._extended[instrument_id] = (extended, features(extended, self._parameters))
        return extended, self._extended[instrument_id][1].reading(extended, len(extended) - 1)

    def trades(self, history: History, compute: Callable[[], tuple[Trade, ...]]) -> tuple[Trade, ...]:
        """The reference trades of a history, computed once as long as the history is the same."""
        known = self._reference.get(history.instrument_id)
        if known is None or known[0] is not history:
            known = self._reference[history.instrument_id] = (history, compute())
        return known[1]

    def rsi_between(self, history: History, after: date, through: date) -> Floats:
        """RSI of every bar of `after` < session <= `through`, in a history that one of the methods above answered."""
        for known in (self._columns, self._extended):
            found = known.get(history.instrument_id)
            if found is not None and found[0] is history:
                return found[1].rsi[history.last_index(after) + 1 : history.last_index(through) + 1]
        raise ValueError(f"no readings were made of this history of {history.instrument_id}")


def _same(stored: Bar, seen: Bar) -> bool:
    return (stored.open, stored.high, stored.low, stored.close, stored.volume) == (
        seen.open,
        seen.high,
        seen.low,
        seen.close,
        seen.volume,
    )
