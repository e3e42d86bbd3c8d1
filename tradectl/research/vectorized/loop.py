"""Run many lanes over sessions: shares, corporate actions, fills. A lane is one instrument with one setting.

A *rule* decides the trades of the lanes: the strategy of tradectl (`strategy.Strategy`) or another one. The loop applies
corporate actions to held shares, books the fills of the rule, and clears positions that were sold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol

import numpy as np

from tradectl.exchange.corporate_actions import BarStep, HeldShares, apply_actions
from tradectl.model.history import Ints
from tradectl.model.order import Side
from tradectl.research.vectorized.closed_form import NO_CEILING
from tradectl.research.vectorized.fills import FillLog
from tradectl.research.vectorized.market import MarketTables


@dataclass
class PositionArrays:
    """Hold the state of each lane after a session, in arrays with one value per lane. Rows are those of the market's panel.

    The loop writes `quantity`, `buys`, `traded` and `locked`, and after a corporate action `ceiling`. The rule writes the other
    values. When all shares of a lane are sold, the loop clears its values except `traded` and the order.

    Attributes:
        quantity: Held shares.
        buys: Number of filled buys of the open position.
        level: RSI level of the last filled buy.
        decided: Row on whose close that buy was decided.
        ceiling: Ceiling of the target in paise; NO_CEILING for none.
        traded: Last row with a fill; -1 for none.
        order_session: Session (ordinal) of the order; 0 for no order. The other `order_` arrays belong to this order:
            `order_decided` (row), `order_limit` (paise), `order_quantity` and `order_level`.
        locked: Shares that may not be sold yet, by lane: the first date of sale, and their number.
    """

    quantity: Ints
    buys: Ints
    level: Ints
    decided: Ints
    ceiling: Ints
    traded: Ints
    order_session: Ints
    order_decided: Ints
    order_limit: Ints
    order_quantity: Ints
    order_level: Ints
    locked: dict[int, tuple[tuple[date, int], ...]] = field(default_factory=dict)

    @classmethod
    def flat(cls, lanes: int) -> PositionArrays:
        """Return the state of lanes without shares. `lanes`: their number."""
        columns = np.zeros((11, lanes), dtype=np.int64)
        state = cls(*(column.copy() for column in columns))  # type: ignore[arg-type]  # as many as there are columns
        state.ceiling[:] = NO_CEILING
        state.traded[:] = -1
        return state

    def free(self, lanes: Ints, day: int) -> Ints:
        """Return how many shares of each lane may be sold on a session. `day`: its ordinal."""
        held = self.quantity[lanes]
        if self.locked:
            session = date.fromordinal(day)
            tied = {lane: HeldShares(0, parts).free(session) for lane, parts in self.locked.items()}
            held += np.array([tied.get(lane, 0) for lane in lanes.tolist()], dtype=np.int64)
        return held

    def forget(self, lanes: Ints) -> None:
        """Clear the position of these lanes."""
        for column in (self.quantity, self.buys, self.level, self.decided):
            column[lanes] = 0
        self.ceiling[lanes] = NO_CEILING
        if self.locked:
            for lane in lanes.tolist():
                self.locked.pop(lane, None)


class Fills(NamedTuple):
    """Hold fills of one side in a session, at most one per lane; one array element per fill. Prices are in paise."""

    side: Side
    lane: Ints
    quantity: Ints
    price: Ints


class Rule(Protocol):
    """Decide the trades of a strategy for each lane."""

    @property
    def lanes(self) -> int:
        """Return the number of lanes."""

    def trade(self, row: int, state: PositionArrays) -> Iterable[Fills]:
        """Return the fills of a run session, in order of time for each lane.

        The fills result from shares and orders of earlier closes. Only lanes with a bar may trade, and a lane may not sell locked
        shares.
        """

    def decide(self, row: int, following: int, state: PositionArrays) -> None:
        """Decide on the close of `row`; write the orders for the run session `following` (an ordinal) into `state`."""


class Loop:
    """Run a rule session by session. With the state and the fill log of another loop, continue that loop."""

    def __init__(
        self, market: MarketTables, rule: Rule, *, state: PositionArrays | None = None, fill_log: FillLog | None = None
    ) -> None:
        self.market, self.rule, self.width = market, rule, len(market.instruments)
        self.runs, self.next_run = market.runs.tolist(), market.next_run.tolist()
        self.state = state or PositionArrays.flat(rule.lanes)
        self.fill_log = fill_log or FillLog(rule.lanes)

    def run(self, first: date, last: date) -> None:
        """Run all sessions from `first` to `last`, both included."""
        days, sessions = self.market.days, self.market.sessions
        begin = int(np.searchsorted(days, max(first, sessions.first).toordinal()))
        end = int(np.searchsorted(days, min(last, sessions.last).toordinal(), side="right"))
        ultimate = min(last, sessions.last).toordinal()
        for row in range(begin, end):
            self.step(row, ultimate)

    def step(self, row: int, last: int) -> None:
        """Run one session: corporate actions first, then trades, then decisions on the close.

        `last`: ordinal of the last session for which orders are decided.
        """
        if (columns := self.market.acted.get(row)) is not None:
            self._apply_actions(row, columns)
        if self.runs[row]:
            self._book(row, self.rule.trade(row, self.state))
            following = self.next_run[row]
            if following <= last:
                self.rule.decide(row, following, self.state)

    def _book(self, row: int, traded: Iterable[Fills]) -> None:
        state, sold, first = self.state, list[Ints](), True
        for side, lanes, quantity, price in traded:
            if not len(lanes):
                continue
            held = state.quantity[lanes]
            if side is Side.BUY:
                opens = held == 0
                if not first:  # else no lane has traded on this row
                    opens &= state.traded[lanes] < row
                self.fill_log.add(side, row, lanes, quantity, price, opens=lanes[opens])
                state.quantity[lanes] = held + quantity
                state.buys[lanes] += 1
            else:
                self.fill_log.add(side, row, lanes, quantity, price)
                state.quantity[lanes] = held - quantity
                sold.append(lanes)
            state.traded[lanes], first = row, False
        for lanes in sold:
            state.forget(lanes[state.quantity[lanes] == 0])

    def _apply_actions(self, row: int, columns: list[int]) -> None:
        """Apply the corporate actions since the previous bar to held shares, lane by lane, because they are rare."""
        state, market = self.state, self.market
        held = np.flatnonzero(state.quantity > 0)
        for lane in held[np.isin(held % self.width, columns)].tolist():
            column = lane % self.width
            last, ceiling = int(market.previous[row, column]), int(state.ceiling[lane])
            step = BarStep(
                close=int(market.panel.close[last, column]),
                open=int(market.panel.open[row, column]),
                multiplier_before=float(market.panel.multiplier[last, column]),
                multiplier=float(market.panel.multiplier[row, column]),
                tick=int(market.ticks(int(market.days[row]), np.array([column]))[0]),
            )
            held_before = HeldShares(
                int(state.quantity[lane]), state.locked.get(lane, ()), None if ceiling == NO_CEILING else ceiling
            )
            actions = market.actions(column, int(market.days[last]), int(market.days[row]))
            after, booked = apply_actions(held_before, actions, step, market.sessions)
            self.fill_log.adjust(lane, booked)
            state.quantity[lane] = after.quantity
            state.ceiling[lane] = NO_CEILING if after.ceiling is None else after.ceiling
            if after.locked:
                state.locked[lane] = after.locked
            if not after.quantity:
                state.forget(np.array([lane]))
