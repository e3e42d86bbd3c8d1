"""What the strategy of lanes did, session by session: it stands between the loop and the strategy, and takes down what passes.

For one setting: a lane is an instrument.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from tradectl.backtest.look_ahead import HELD, ORDERED, SEEN, TRADED, CheckDays, Evening
from tradectl.model.order import Side
from tradectl.research.vectorized.loop import Fills, PositionArrays
from tradectl.research.vectorized.strategy import Strategy

Entry = tuple[int, ...]
"""The session (an ordinal) first."""


class LaneRecord:
    """A rule (`lane_loop.Rule`) that does what `strategy` does, with a memory."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy, self.market = strategy, strategy.market
        self.lanes = strategy.lanes
        self.fills: list[list[Entry]] = [[] for _ in range(self.lanes)]
        self.orders: list[list[Entry]] = [[] for _ in range(self.lanes)]
        self.held: dict[int, dict[int, int]] = {}

    def trade(self, row: int, state: PositionArrays) -> Iterator[Fills]:
        day = int(self.market.days[row])
        for fills in self.strategy.trade(row, state):
            sign = 1 if fills.side is Side.BUY else -1
            for lane, quantity, price in zip(*(column.tolist() for column in fills[1:]), strict=True):
                self.fills[lane].append((day, sign * quantity, price))
            yield fills

    def decide(self, row: int, following: int, state: PositionArrays) -> None:
        day = int(self.market.days[row])
        holding = np.flatnonzero(state.quantity)
        self.held[day] = dict(zip(holding.tolist(), state.quantity[holding].tolist(), strict=True))
        self.strategy.decide(row, following, state)
        for lane in np.flatnonzero((state.order_session == following) & (state.order_decided == row)).tolist():
            terms = (state.order_limit, state.order_quantity, state.order_level)
            self.orders[lane].append((day, following, *(int(column[lane]) for column in terms)))

    def evening(self, session: date) -> Evening:
        """Every order and fill up to that evening, though the run may have gone on."""
        day = session.toordinal()
        row = int(np.searchsorted(self.market.days, day))
        if row == len(self.market.days) or self.market.days[row] != day:
            return {}
        found = {}
        for lane in np.flatnonzero(self.market.panel.state[row] > 0).tolist():
            found[self.market.instruments[lane]] = {
                SEEN: repr([column[row, lane].item() for column in self.strategy.columns]),
                HELD: self.held.get(day, {}).get(lane, 0),
                ORDERED: _through(self.orders[lane], day),
                TRADED: _through(self.fills[lane], day),
            }
        return found

    def days(self) -> CheckDays:
        """For the drawing of evenings."""
        days, columns = self.market.days, self.strategy.columns
        low = columns.rsi < self.strategy.settings.settings[0].rsi_entry_above
        return CheckDays(
            set(days[(self.market.panel.state > 0).any(axis=1)].tolist()),
            {order[0] for orders in self.orders for order in orders},
            set(days[low.any(axis=1)].tolist()),
        )


def _through(entries: list[Entry], day: int) -> list[Entry]:
    return [entry for entry in entries if entry[0] <= day]
