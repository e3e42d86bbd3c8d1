"""Features on demand: the columns of an instrument are computed once and then looked up.

Every column is causal: the reading of a session does not depend on later bars, and no caller gets one later than it requests.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from tradectl.model.history import Floats, History
from tradectl.model.market import Bar
from tradectl.ports import Cache, MarketData
from tradectl.strategy.features import Features, Reading, features
from tradectl.strategy.parameters import Parameters

if TYPE_CHECKING:
    from tradectl.screener.feature_cache import FeatureCache
    from tradectl.screener.state_cache import StateCache
    from tradectl.screener.trade_cache import TradeCache


class Readings:
    """The readings of one market under one set of parameters.

    `states` reads all instruments at once, `trade_cache` has the reference trades of each, and `feature_cache` the rows of the
    last sessions. What takes long to compute is stored by `cache`.
    """

    def __init__(self, market: MarketData, parameters: Parameters, cache: Cache | None = None) -> None:
        self.cache = cache
        self._market = market
        self._parameters = parameters
        self._columns: dict[str, tuple[History, Features]] = {}
        self._extended: dict[str, tuple[History, Features]] = {}
        self._cached: dict[str, tuple[History, date, Reading | None]] = {}

    @cached_property
    def states(self) -> StateCache:
        """Return the states of all instruments at once."""
        from tradectl.screener.state_cache import StateCache

        return StateCache(self._market, self._parameters, self.cache, self.feature_cache)

    @cached_property
    def feature_cache(self) -> FeatureCache | None:
        """Return the rows of the last sessions, or None without a cache: one process then has all features in memory."""
        from tradectl.screener.feature_cache import FeatureCache

        return FeatureCache(self._market, self._parameters, self.cache) if self.cache is not None else None

    @cached_property
    def trade_cache(self) -> TradeCache:
        """Return the reference trades of each symbol."""
        from tradectl.screener.trade_cache import TradeCache

        return TradeCache(self._market, self._parameters, self.cache)

    def columns(self, instrument_id: str) -> tuple[History, Features] | None:
        """Return history and features of an instrument, or None without bars."""
        known = self._columns.get(instrument_id)
        history = self._market.history(instrument_id)
        if history is None:
            return None
        if known is None or known[0] is not history:
            known = (history, features(history, self._parameters))
            self._columns[instrument_id] = known
        return known

    def reading(self, instrument_id: str, through: date) -> Reading | None:
        """Return the reading of the last stored bar of a session <= `through`, or None."""
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
        """Return history and reading with a bar that is not final yet after the stored bars of earlier sessions, or None.

        Where the stored bar of that session is equal, its own reading is returned.
        """
        columns = self.columns(instrument_id)
        if columns is None:
            return None
        history, table = columns
        index = history.index(bar.session)
        if index is not None and _same(history.bar(index), bar):
            return history, table.reading(history, index)
        before = history.through(date.fromordinal(bar.session.toordinal() - 1))
        extended = before.with_bar(bar, multiplier)
        row = self.states.one_more(before, bar, multiplier, self._parameters)
        longer = table.take(slice(len(before))).and_then(row) if row is not None else features(extended, self._parameters)
        self._extended[instrument_id] = (extended, longer)
        return extended, longer.reading(extended, len(extended) - 1)

    def keep(self) -> None:
        """Store what this process computed for the next one."""
        self.states.keep()
        self.trade_cache.keep()
        if self.feature_cache is not None:
            self.feature_cache.keep()
        if self.cache is not None:
            self.cache.prune()

    def features_of(self, history: History) -> Features:
        """Return the columns of a history; those of a stored history are computed once."""
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
        """Return RSI of every bar of a history with `after` < session <= `through`."""
        return self.features_of(history).rsi[history.last_index(after) + 1 : history.last_index(through) + 1]


def _same(stored: Bar, seen: Bar) -> bool:
    return (stored.open, stored.high, stored.low, stored.close, stored.volume) == (
        seen.open,
        seen.high,
        seen.low,
        seen.close,
        seen.volume,
    )
