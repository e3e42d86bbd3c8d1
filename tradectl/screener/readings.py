"""Compute features on demand. The feature columns of an instrument are computed once and then reused.

The reading of a session does not depend on later bars, and a caller never gets a later reading than requested.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.model.history import Floats, History
from tradectl.model.market import Bar
from tradectl.ports import MarketData
from tradectl.strategy.features import Features, Reading, features
from tradectl.strategy.parameters import Parameters

if TYPE_CHECKING:
    from tradectl.backtest.context import BacktestContext
    from tradectl.backtest.engine import SettledTrades
    from tradectl.model.position import Trade
    from tradectl.screener.feature_states import FeatureStates


class _KnownTrades(Struct, frozen=True):
    """Hold the reference trades of one history, and the state from which a run over a longer history may continue.

    `edition`: the panel's edition of the history."""

    edition: str
    history: History
    trades: tuple[Trade, ...]
    settled: SettledTrades | None

    @classmethod
    def of(cls, context: BacktestContext, edition: str, past: SettledTrades | None) -> _KnownTrades:
        """Run a context from `past` on, or from its first bar if the context ends before `past`."""
        from tradectl.backtest.engine import settled

        history = context.history
        usable = past is not None and len(history) > 0 and past.flat_on <= history.session(len(history) - 1)
        trades, found = settled(context, past if usable else None)
        if found is None or (past is not None and past.flat_on > found.flat_on):
            found = past
        return cls(edition, history, trades, found)


class Readings:
    """Compute and cache the readings of one market under one set of parameters, in memory only."""

    def __init__(self, market: MarketData, parameters: Parameters) -> None:
        self._market = market
        self._parameters = parameters
        self._columns: dict[str, tuple[History, Features]] = {}
        self._extended: dict[str, tuple[History, Features]] = {}
        self._cached: dict[str, tuple[History, date, Reading | None]] = {}
        self._trades: dict[str, _KnownTrades] = {}

    def forget(self) -> None:
        """Drop everything that was computed."""
        market, parameters = self._market, self._parameters
        vars(self).clear()
        Readings.__init__(self, market, parameters)

    @cached_property
    def states(self) -> FeatureStates:
        """Return the feature states of all instruments."""
        from tradectl.screener.feature_states import FeatureStates

        return FeatureStates(self._market, self._parameters)

    def columns(self, instrument_id: str) -> tuple[History, Features] | None:
        """Return the history and the features of an instrument; None without bars."""
        known = self._columns.get(instrument_id)
        history = self._market.history(instrument_id)
        if history is None:
            return None
        if known is None or known[0] is not history:
            known = (history, features(history, self._parameters))
            self._columns[instrument_id] = known
        return known

    def reading(self, instrument_id: str, through: date) -> Reading | None:
        """Return the reading of an instrument's last stored bar up to `through`; None without such a bar."""
        columns = self.columns(instrument_id)
        if columns is None:
            return None
        history, table = columns
        cached = self._cached.get(instrument_id)
        if cached is not None and cached[0] is history and cached[1] == through:
            return cached[2]
        index = history.last_index(through)
        found = table.reading(history, index) if index >= 0 else None
        self._cached[instrument_id] = (history, through, found)
        return found

    def reading_with(self, instrument_id: str, bar: Bar, multiplier: float) -> tuple[History, Reading] | None:
        """Return the history and the reading after a bar that is not final, added to the stored bars of earlier sessions.

        If an equal bar of that session is stored, its reading is returned. None without stored bars.
        """
        columns = self.columns(instrument_id)
        if columns is None:
            return None
        history, table = columns
        index = history.index(bar.session)
        if index is not None and same_prices(history.bar(index), bar):
            return history, table.reading(history, index)
        before = history.through(date.fromordinal(bar.session.toordinal() - 1))
        extended = before.with_bar(bar, multiplier)
        row = self.states.one_more(before, bar, multiplier, self._parameters)
        longer = table.take(slice(len(before))).and_then(row) if row is not None else features(extended, self._parameters)
        self._extended[instrument_id] = (extended, longer)
        return extended, longer.reading(extended, len(extended) - 1)

    def trades(self, context: BacktestContext) -> tuple[Trade, ...]:
        """Return the reference trades of a context. They are computed once per history and continued for a longer one."""
        history, edition = context.history, self._market.edition()
        known = self._trades.get(history.instrument_id)
        if known is not None and known.edition != edition:
            known = None
        if known is None or known.history is not history:
            known = _KnownTrades.of(context, edition, known.settled if known is not None else None)
            self._trades[history.instrument_id] = known
        return known.trades

    def features_of(self, history: History) -> Features:
        """Return the feature columns of a history. Those of a stored history are computed once."""
        for known in (self._columns, self._extended):
            found = known.get(history.instrument_id)
            if found is not None and found[0] is history:
                return found[1]
        if self._market.history(history.instrument_id) is history:
            stored = self.columns(history.instrument_id)
            if stored is not None:
                return stored[1]
        return features(history, self._parameters)

    def rsi_between(self, history: History, after: date, through: date) -> Floats:
        """Return the RSI of each bar of a history with `after` < session <= `through`."""
        return self.features_of(history).rsi[history.last_index(after) + 1 : history.last_index(through) + 1]


def same_prices(stored: Bar, seen: Bar) -> bool:
    """Return whether two bars have the same prices and volume."""
    return (stored.open, stored.high, stored.low, stored.close, stored.volume) == (
        seen.open,
        seen.high,
        seen.low,
        seen.close,
        seen.volume,
    )
