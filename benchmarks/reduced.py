"""Our side of the reduced rule of `rivals.py`: a rule for the lanes of the program's own loop, as the rivals' are for theirs.

The loop, its shares, fills, corporate actions, charges and trades are those of `backtest` and `sweep`; only what is traded is
said here. A lane is an instrument. RSI is the program's own, of the whole panel, made within the time that is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import BUY_BELOW, PERIOD, SELL_ABOVE
from tradectl.model.order import Side
from tradectl.research.vectorized.engine import run_rule
from tradectl.research.vectorized.fills import TradeColumns
from tradectl.research.vectorized.loop import Fills, PositionArrays
from tradectl.research.vectorized.market import MarketTables, Mask
from tradectl.strategy.indicators import rsi

Wishes = NDArray[np.int8]


class Reduced:
    """One share at the open after a close whose RSI is low, all sold at the open after one whose RSI is high."""

    def __init__(self, market: MarketTables) -> None:
        panel = market.panel
        there = panel.state > 0
        close = panel.close / 100
        close *= panel.multiplier
        close[~there] = np.nan
        strength = rsi(close, PERIOD)
        self.market, self.lanes = market, len(panel.instruments)
        self._wishes = _on_next_bar((strength < BUY_BELOW).astype(np.int8) - (strength > SELL_ABOVE), there)
        self._one = np.ones(self.lanes, dtype=np.int64)

    def trade(self, row: int, state: PositionArrays) -> Iterator[Fills]:
        wish, held, opened = self._wishes[row], state.quantity > 0, self.market.panel.open[row]
        bought, sold = np.flatnonzero((wish > 0) & ~held), np.flatnonzero((wish < 0) & held)
        yield Fills(Side.BUY, bought, self._one[bought], opened[bought])
        yield Fills(Side.SELL, sold, state.free(sold, int(self.market.days[row])), opened[sold])

    def decide(self, row: int, following: int, state: PositionArrays) -> None:
        """Nothing: closes up to the last bar say everything."""


def trades(market: MarketTables) -> TradeColumns:
    """The closed trades over all sessions of a market."""
    return run_rule(market, Reduced(market), first=date.min, last=date.max).trades


def _on_next_bar(wishes: Wishes, there: Mask) -> Wishes:
    """What each close wished (1: to buy, -1: to sell), on the bar after it; 0 where there is none."""
    found, last = np.zeros_like(wishes), np.zeros(wishes.shape[1], dtype=np.int8)
    for row, out in enumerate(found):
        np.copyto(out, last, where=there[row])
        np.copyto(last, wishes[row], where=there[row])
    return found
