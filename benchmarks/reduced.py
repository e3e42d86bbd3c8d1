"""Implement the reduced rule of `rivals.py` for tradectl's own vectorized loop.

The loop with its positions, fills, corporate actions, charges and trades is that of `backtest` and `sweep`. This module only
decides what to trade. A lane is one instrument. The RSI of the whole panel is computed by tradectl within the measured time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from benchmarks.rivals import BUY_BELOW, PERIOD, SELL_ABOVE
from tradectl.model.order import Side
from tradectl.research.vectorized.engine import run_rule
from tradectl.research.vectorized.fills import TradeColumns
from tradectl.research.vectorized.loop import Fills, PositionArrays
from tradectl.research.vectorized.market import MarketTables, Mask
from tradectl.strategy.indicators import rsi


class Reduced:
    """Buy one share at the open after a close with a low RSI; sell all at the open after a close with a high RSI."""

    def __init__(self, market: MarketTables) -> None:
        panel = market.panel
        there = panel.state > 0
        close = panel.close / 100
        close *= panel.multiplier
        close[~there] = np.nan
        strength = rsi(close, PERIOD)
        self.market, self.lanes = market, len(panel.instruments)
        self._buys, self._sells = _on_next_bar(strength < BUY_BELOW, there), _on_next_bar(strength > SELL_ABOVE, there)
        self._one = np.ones(self.lanes, dtype=np.int64)

    def trade(self, row: int, state: PositionArrays) -> Iterator[Fills]:
        held, opened = state.quantity > 0, self.market.panel.open[row]
        (bought,), (sold,) = (self._buys[row] > held).nonzero(), (self._sells[row] & held).nonzero()
        yield Fills(Side.BUY, bought, self._one[bought], opened[bought])
        yield Fills(Side.SELL, sold, state.free(sold, int(self.market.days[row])), opened[sold])

    def decide(self, row: int, following: int, state: PositionArrays) -> None:
        """Do nothing, because all decisions were computed from the closes before."""


def trades(market: MarketTables) -> TradeColumns:
    """Return the closed trades over all sessions of a market."""
    return run_rule(market, Reduced(market), first=date.min, last=date.max).trades


def _on_next_bar(wishes: Mask, there: Mask) -> Mask:
    """Return the wish of each close, moved to the instrument's next bar. Sessions without a bar have none."""
    found, last = np.zeros_like(wishes), np.zeros(wishes.shape[1], dtype=np.bool_)
    whole = np.logical_and.reduce(there, axis=1).tolist()
    for row, complete in enumerate(whole):
        if complete:
            found[row], last = last, wishes[row].copy()
        else:
            np.copyto(found[row], last, where=there[row])
            np.copyto(last, wishes[row], where=there[row])
    return found
