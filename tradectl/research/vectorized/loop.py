"""Run many lanes over sessions: shares, corporate actions, fills. A lane is one instrument with one setting.

A *rule* decides what lanes trade: the strategy of tradectl (`strategy.Strategy`) or another one. The loop applies corporate
actions to held shares, books the fills of the rule, and clears what was sold.
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
    """The state of each lane after a session; arrays with one value per lane. Rows are those of the market's panel.

    The loop writes `quantity`, `buys` of the open position, `traded` (the last row with a fill) and `locked` shares. The rule
    writes the rest: the `level` of the last filled buy, the row on which that buy was `decided`, the `ceiling` of the target
    (NO_CEILING without), and the order for a later session: `order_session` (an ordinal; 0 without), its row of decision, limit,
    quantity and level. When all shares are sold, all values but `traded` and the order are cleared.
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
        """Return the state of lanes without shares."""
        columns = np.zeros((11, lanes), dtype=np.int64)
        state = cls(*(column.copy() for column in columns))  # type: ignore[arg-type]  # as many as there are columns
        state.ceiling[:] = NO_CEILING
        state.traded[:] = -1
        return state

    def free(self, lanes: Ints, day: int) -> Ints:
        """Return the shares of these lanes that may be sold on a session (an ordinal)."""
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
    """Fills of one side in a session, at most one per lane; one array element per fill. Prices in paise."""

    side: Side
    lane: Ints
    quantity: Ints
    price: Ints


class Rule(Protocol):
    """The decisions of a strategy, lane by lane."""

    @property
    def lanes(self) -> int:
        """Return the number of lanes."""

    def trade(self, row: int, state: PositionArrays) -> Iterable[Fills]:
        """Return the fills of a run session, those of a lane in their order.

        They come from shares and orders of earlier closes. Only lanes with a bar trade, and no lane sells more than is free.
        """

    def decide(self, row: int, following: int, state: PositionArrays) -> None:
        """Decide on the close of `row`; write the orders for the run session `following` (an ordinal) into `state`."""


class Loop:
    """Runs a rule session by session; with the state and fill log of another loop it continues from there."""

    def __init__(
        self, market: MarketTables, rule: Rule, *, state: PositionArrays | None = None, fill_log: FillLog | None = None
    ) -> None:
        self.market, self.rule, self.width = market, rule, len(market.instruments)
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
        """Run one session: corporate actions, then orders and shares, then decisions on its close.

        Decisions are only for sessions up to `last` (an ordinal).
        """
        if (columns := self.market.acted.get(row)) is not None:
            self._apply_actions(row, columns)
        if self.market.runs[row]:
            self._book(row, self.rule.trade(row, self.state))
            following = int(self.market.next_run[row])
            if following <= last:
                self.rule.decide(row, following, self.state)

    def _book(self, row: int, traded: Iterable[Fills]) -> None:
        state, sold = self.state, []
        for side, lanes, quantity, price in traded:
            if not len(lanes):
                continue
            if side is Side.BUY:
                opens = (state.quantity[lanes] == 0) & (state.traded[lanes] < row)
                self.fill_log.add(side, row, lanes, quantity, price, opens=lanes[opens])
                state.quantity[lanes] += quantity
                state.buys[lanes] += 1
            else:
                self.fill_log.add(side, row, lanes, quantity, price)
                state.quantity[lanes] -= quantity
                sold.append(lanes)
            state.traded[lanes] = row
        for lanes in sold:
            state.forget(lanes[state.quantity[lanes] == 0])

    def _apply_actions(self, row: int, columns: list[int]) -> None:
        """Apply the corporate actions since the bar before to held shares, lane by lane, because they are rare."""
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
