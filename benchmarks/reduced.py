"""Our side of the reduced rule of `rivals.py`: a rule for the lanes of the program's own loop, as the rivals' are for theirs.

The loop, its shares, fills, corporate actions, charges and trades are those of `backtest` and `sweep`; only what is traded is
said here. A lane is an instrument. RSI is the program's own, of the whole panel, made within the time that is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from benchmarks.rivals import BUY_BELOW, PERIOD, SELL_ABOVE
from tradectl.model.order import Side
from tradectl.strategy.indicators import rsi
from tradectl.strategy.lane_fills import LaneTrades
from tradectl.strategy.lane_loop import Fills, LaneState
from tradectl.strategy.lane_market import LaneMarket, Mask
from tradectl.strategy.lanes import run_rule


class Reduced:
    """One share at the open after a close whose RSI is low, all sold at the open after one whose RSI is high."""

    def __init__(self, market: LaneMarket) -> None:
        panel = market.panel
        there = panel.state > 0
        close = np.where(there, panel.close / 100 * panel.multiplier, np.nan)
        with np.errstate(invalid="ignore"):
            strength = rsi(close, PERIOD)
        self.market, self.lanes = market, len(panel.instruments)
        self._one = np.ones(self.lanes, dtype=np.int64)
        self.buys, self.sells = (_on_next_bar(mask, there) for mask in (strength < BUY_BELOW, strength > SELL_ABOVE))

    def trade(self, row: int, state: LaneState) -> Iterator[Fills]:
        held = state.quantity > 0
        bought, sold = np.flatnonzero(self.buys[row] > held), np.flatnonzero(self.sells[row] & held)
        opened = self.market.panel.open[row]
        yield Fills(Side.BUY, bought, self._one[bought], opened[bought])
        yield Fills(Side.SELL, sold, state.free(sold, int(self.market.days[row])), opened[sold])

    def decide(self, row: int, following: int, state: LaneState) -> None:
        """Nothing: closes up to the last bar say everything."""


def trades(market: LaneMarket) -> LaneTrades:
    """The closed trades over all sessions of a market."""
    return run_rule(market, Reduced(market), first=date.min, last=date.max).trades


def _on_next_bar(closes: Mask, there: Mask) -> Mask:
    """Whether what held on a close was so on the last bar before each bar; False without a bar."""
    found, last = np.empty_like(closes), np.zeros(closes.shape[1], dtype=np.bool_)
    for row, out in enumerate(found):
        np.logical_and(last, there[row], out=out)
        np.copyto(last, closes[row], where=there[row])
    return found
