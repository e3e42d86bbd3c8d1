"""Run the strategy of tradectl on lanes (one instrument with one setting). Their trades equal those of `backtest.engine`.

In each session, arrays contain only the lanes that hold shares, have an order or meet the entry rule. Rare cases are computed
lane by lane by `backtest.session`: minute bars, an open that is not a multiple of the tick size, a limit not below its target.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple, Protocol

import numpy as np

from tradectl.backtest.session import SessionPlan, trade
from tradectl.exchange.sessions import Session
from tradectl.model.history import Floats, Ints
from tradectl.model.order import Side
from tradectl.model.panel import SERIES
from tradectl.research.vectorized.closed_form import NO_CEILING, BarArrays, PlanArrays, closed_forms, walks
from tradectl.research.vectorized.loop import Fills, PositionArrays
from tradectl.research.vectorized.market import EntryBars, IndicatorTables, MarketTables, Mask
from tradectl.research.vectorized.rules import (
    entry_limits,
    levels_at_entry,
    next_levels,
    sizes,
    too_far_rows,
    worth_changing_rows,
)
from tradectl.research.vectorized.settings import ParameterArrays, SettingsTable
from tradectl.strategy.entry import reward_gone
from tradectl.strategy.exits import rsi_exit_due
from tradectl.strategy.features import at_scale
from tradectl.strategy.parameters import Parameters


class EntryGate(Protocol):
    """Accept or reject entries on the evening of the decision, for example by their score."""

    def accept(self, day: int, chosen: EntryBars, parameters: ParameterArrays) -> Mask:
        """Return which entries are accepted. `day`: ordinal of the session; `parameters`: those of the entries' lanes."""
        ...


class OrderArrays(NamedTuple):
    """Hold the buy order of each lane after the steps before the open. `limit`: paise. A `quantity` of 0 means no order."""

    limit: Ints
    quantity: Ints

    def take(self, rows: Ints) -> OrderArrays:
        """Return the orders of some lanes."""
        return OrderArrays(self.limit[rows], self.quantity[rows])


class Strategy:
    """Decide the trades of some settings, as a `Rule` of the loop.

    Args:
        market: The tables of the market.
        settings: One per group of lanes.
        columns: The indicator tables, side by side.
        entry_bars: The possible entries, sorted by row and then lane.
        tables: Index of the indicator table of each setting; None means the first for all.
        gate: Test of entries; None accepts all.
    """

    def __init__(
        self,
        market: MarketTables,
        settings: Sequence[Parameters],
        columns: IndicatorTables,
        entry_bars: EntryBars,
        *,
        tables: Sequence[int] | None = None,
        gate: EntryGate | None = None,
    ) -> None:
        self.market, self.columns, self.entry_bars, self.gate = market, columns, entry_bars, gate
        self.settings = SettingsTable(settings)
        self.width = len(market.instruments)
        self.lanes = self.width * len(settings)
        first_column = self.width * np.array(tables or [0] * len(settings), dtype=np.int64)
        self._seen = (first_column[:, None] + np.arange(self.width)).ravel()
        self._first_row = np.searchsorted(entry_bars.row, np.arange(len(market.days) + 1))
        firsts = [item.reentry_first for item in settings]
        self._resets = {first: _last_above(columns.rsi, first) for first in set(firsts)}
        self._reset_of = np.array(firsts)

    def parameters(self, lanes: Ints) -> ParameterArrays:
        """Return the parameters of these lanes."""
        return self.settings.of(lanes // self.width)

    # --- a session

    def trade(self, row: int, state: PositionArrays) -> Iterator[Fills]:
        """Return the fills as `Rule.trade`: do premarket-retry and amo-adjust, then trade along the bar or the minute bars."""
        lanes = self._with_bar(row, (state.quantity > 0) | (state.order_session > 0))
        if not len(lanes):
            return
        orders = self._before_open(row, lanes, state)
        state.order_session[lanes] = 0
        held = state.free(lanes, int(self.market.days[row]))
        busy = np.flatnonzero((held > 0) | (orders.quantity > 0))
        if not len(busy):
            return
        lanes = lanes[busy]
        parameters, bars = self.parameters(lanes), self._bars(row, lanes)
        plans = self._plans(row, lanes, held[busy], orders.take(busy), state)
        slow = walks(bars, plans, parameters) | self.market.with_minutes(row, lanes % self.width)
        if not slow.any():
            yield from _closed_form(lanes, bars, plans, parameters, state)
            return
        quick = np.flatnonzero(~slow)
        yield from _closed_form(lanes[quick], bars.take(quick), plans.take(quick), parameters.where(quick), state)
        for i in np.flatnonzero(slow).tolist():
            yield from self._walk(row, int(lanes[i]), plans.one(i), state)

    def _with_bar(self, row: int, chosen: Mask) -> Ints:
        """Return the chosen lanes that have a bar on a row."""
        lanes: Ints = np.flatnonzero(chosen)
        if not len(lanes):
            return lanes
        there: Ints = lanes[self.market.panel.state[row, lanes % self.width] > 0]
        return there

    def _before_open(self, row: int, lanes: Ints, state: PositionArrays) -> OrderArrays:
        """Return the orders after premarket-retry (ex-date, surveillance, distance from the last close) and amo-adjust."""
        market = self.market
        day = int(market.days[row])
        limits, quantities = np.zeros((2, len(lanes)), dtype=np.int64)
        due = np.flatnonzero(state.order_session[lanes] == day)
        if not len(due):
            return OrderArrays(limits, quantities)
        own = lanes[due]
        column, seen, parameters = own % self.width, self._seen[own], self.parameters(own)
        decided, limit, quantity = state.order_decided[own], state.order_limit[own], state.order_quantity[own]
        opened = market.panel.open[row, column].astype(np.int64)
        last = market.panel.close[market.previous[row, column], column].astype(np.int64)
        ema = at_scale(self.columns.ema_fast[decided, seen], market.panel.multiplier[row, column])
        withdrawn = market.barred[decided, column]
        if market.watched_next is not None:
            withdrawn = withdrawn | market.watched_next[decided, column]
        gone = withdrawn | too_far_rows(limit, last, parameters) | reward_gone(opened, ema, parameters)
        turnover = self.columns.average_turnover[decided, seen]
        wanted = sizes(np.minimum(opened, limit), session=date.fromordinal(day), parameters=parameters, average_turnover=turnover)
        change = (wanted > 0) & worth_changing_rows(quantity, wanted, parameters)
        lower = (opened < limit) & parameters.amo_adjust_reprice
        limits[due] = np.where(lower, opened // market.ticks(day, column) * market.ticks(day, column), limit)
        quantities[due] = np.where(gone, 0, np.where(change, wanted, quantity))
        return OrderArrays(limits, quantities)

    def _plans(self, row: int, lanes: Ints, held: Ints, orders: OrderArrays, state: PositionArrays) -> PlanArrays:
        market, column, seen, parameters = self.market, lanes % self.width, self._seen[lanes], self.parameters(lanes)
        last = market.previous[row, column]
        frozen = np.equal(parameters.freeze, "position")
        return PlanArrays(
            held=held,
            ema_level=at_scale(self.columns.ema_fast[last, seen], market.panel.multiplier[row, column]),
            tick=market.ticks(int(market.days[row]), column),
            buy_limit=np.where(orders.quantity > 0, orders.limit, 0),
            buy_quantity=orders.quantity,
            same_day=market.panel.state[row, column] == SERIES["EQ"],
            exit_at_open=(held > 0) & rsi_exit_due(self.columns.rsi[last, seen], parameters),
            ceiling=np.where(frozen, state.ceiling[lanes], NO_CEILING),
        )

    def _bars(self, row: int, lanes: Ints) -> BarArrays:
        panel, column = self.market.panel, lanes % self.width
        return BarArrays(*(table[row, column].astype(np.int64) for table in (panel.open, panel.high, panel.low, panel.close)))

    def _walk(self, row: int, lane: int, plan: SessionPlan, state: PositionArrays) -> Iterator[Fills]:
        """Yield the fills of one lane, computed by `backtest.session.trade`."""
        column, setting = lane % self.width, lane // self.width
        listing, session = self.market.listings[column], self._session(row)
        bar = listing.history.bar(int(np.searchsorted(self.market.rows[column], row)))
        minutes = session.minutes(listing.instrument(session.date).closing_auction)
        found = tuple(listing.minutes(session.date)) if self.market.with_minutes(row, np.array([column])).any() else ()
        result = trade(bar, minutes, found, plan, self.settings.settings[setting])
        one = np.array([lane])
        if result.resting is not None:
            state.ceiling[lane] = result.resting
        for item in result.executions:
            if item.side is Side.BUY:
                _use_order(one, state)
            yield Fills(item.side, one, np.array([item.quantity]), np.array([item.price]))

    def _session(self, row: int) -> Session:
        found = self.market.sessions.session(date.fromordinal(int(self.market.days[row])))
        assert found is not None
        return found

    # --- decisions on a close

    def decide(self, row: int, following: int, state: PositionArrays) -> None:
        """Decide as `Rule.decide`: write the orders of re-entries and entries."""
        held, level = self._reentries(row, state)
        new = self._entries(row, state)
        if not len(held) and not len(new.lane):
            return
        wanted = np.concatenate([held, new.lane])
        column, seen, parameters = wanted % self.width, self._seen[wanted], self.parameters(wanted)
        fresh = levels_at_entry(self.columns.rsi[row, seen[len(held) :]], parameters.where(slice(len(held), None)))
        closes = self.market.panel.close[row, column].astype(np.int64)
        limit = entry_limits(closes, self.market.ticks(following, column), parameters)
        turnover = self.columns.average_turnover[row, seen]
        quantity = sizes(limit, session=date.fromordinal(following), parameters=parameters, average_turnover=turnover)
        again = np.arange(len(wanted)) < len(held)
        quantity[again & (quantity * limit < parameters.least_reentry)] = 0
        levels = np.concatenate([level, fresh])
        ordered = np.flatnonzero(quantity > 0)
        lanes = wanted[ordered]
        state.order_session[lanes], state.order_decided[lanes] = following, row
        state.order_limit[lanes], state.order_quantity[lanes] = limit[ordered], quantity[ordered]
        state.order_level[lanes] = levels[ordered]

    def _reentries(self, row: int, state: PositionArrays) -> tuple[Ints, Ints]:
        """Return the lanes with a re-entry, and the level of each."""
        held = self._with_bar(row, state.quantity > 0)
        if len(held):
            trusted = self.market.trusted[row, held % self.width]
            held = held[trusted & (state.buys[held] < self.parameters(held).max_buys)]
        if len(held) and self.market.watched is not None:
            held = held[~self.market.watched[row, held % self.width]]
        if not len(held):
            return held, held
        seen, parameters = self._seen[held], self.parameters(held)
        firsts = self._reset_of[held // self.width]
        reset = np.zeros(len(held), dtype=np.bool_)
        for first, last_above in self._resets.items():
            reset |= (firsts == first) & (last_above[row, seen] > state.decided[held])
        table = self.columns
        level = next_levels(state.level[held], reset, table.rsi[row, seen], table.above_slow[row, seen], parameters)
        return held[level > 0], level[level > 0]

    def _entries(self, row: int, state: PositionArrays) -> EntryBars:
        """Return the entries of flat lanes that did not trade in this session and are admitted."""
        found = self.entry_bars.take(slice(self._first_row[row], self._first_row[row + 1]))
        if not len(found.lane):
            return found
        column = found.lane % self.width
        free = (state.quantity[found.lane] == 0) & (state.traded[found.lane] < row)
        free &= self.market.admitted[column] & ~self.market.barred[row, column]
        found = found.take(free)
        if self.gate is not None and len(found.lane):
            taken = self.gate.accept(int(self.market.days[row]), found, self.parameters(found.lane))
            found = found.take(taken)
        return found


def _closed_form(
    lanes: Ints, bars: BarArrays, plans: PlanArrays, parameters: ParameterArrays, state: PositionArrays
) -> Iterator[Fills]:
    """Yield the fills of lanes whose session the closed form can compute."""
    results = closed_forms(bars, plans, parameters)
    buys, sells, resting = (np.flatnonzero(column) for column in (results.bought, results.sold, results.resting))
    state.ceiling[lanes[resting]] = results.resting[resting]
    _use_order(lanes[buys], state)
    yield Fills(Side.BUY, lanes[buys], plans.buy_quantity[buys], results.bought[buys])
    yield Fills(Side.SELL, lanes[sells], results.shares[sells], results.sold[sells])


def _use_order(lanes: Ints, state: PositionArrays) -> None:
    """Copy the level and the decision row of the filled orders of these lanes into their positions."""
    state.level[lanes], state.decided[lanes] = state.order_level[lanes], state.order_decided[lanes]


def _last_above(rsi: Floats, first: float) -> Ints:
    """Return, for each row and column, the last row up to it on which RSI was above `first`; -1 if there is none."""
    rows = np.where(rsi > first, np.arange(len(rsi), dtype=np.int32)[:, None], np.int32(-1))
    above: Ints = np.maximum.accumulate(rows, axis=0) if len(rsi) else rows
    return above
