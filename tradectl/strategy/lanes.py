"""The backtest of many lanes at once, a lane being one instrument under one setting: the same trades as `backtest` of each alone.

One loop over sessions; in each, only lanes that hold shares, have an order or meet their entry rule are touched, by arrays. What
is rare (a corporate action on what is held, minute bars, an open off the tick) goes lane by lane through the very code of the
single backtest, which is the definition of all this. Settings that share their indicators run together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol

import numpy as np

from tradectl.exchange.sessions import Session
from tradectl.model.history import Floats, Ints
from tradectl.model.order import Side
from tradectl.model.panel import SERIES
from tradectl.model.position import Folded
from tradectl.strategy.corners import NO_CEILING, Bars, Plans, Results, closed_forms, walks
from tradectl.strategy.entry import reward_gone
from tradectl.strategy.exits import entry_limits, rsi_exit_due
from tradectl.strategy.features import INDICATOR_SETTINGS
from tradectl.strategy.holding import Holding, Step, through_actions
from tradectl.strategy.intraday import Plan, trade
from tradectl.strategy.lane_fills import LaneTrades, Ledger, trades_of
from tradectl.strategy.lane_market import Candidates, Columns, LaneMarket, Mask
from tradectl.strategy.lane_score import ScoreGate
from tradectl.strategy.lane_settings import LaneParameters, LaneSettings
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.reentry import levels_at_entry, next_levels
from tradectl.strategy.risk import too_far_rows
from tradectl.strategy.sizing import sizes, worth_changing_rows


@dataclass
class LaneState:
    """Where each lane stands after a session; arrays with one value a lane. Rows are those of the market's panel.

    Shares: `quantity`, `buys`, the `level` of the last filled buy and the row on which that was `decided`, the `ceiling` of the
    target (NO_CEILING without), `locked` shares where there are any. `traded`: the last row with a fill. The order for the next
    session: `order_session` (an ordinal; 0 without), and its row of decision, limit, quantity and level.
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
    def flat(cls, lanes: int) -> LaneState:
        columns = np.zeros((11, lanes), dtype=np.int64)
        state = cls(*(column.copy() for column in columns))  # type: ignore[arg-type]  # as many as there are columns
        state.ceiling[:] = NO_CEILING
        state.traded[:] = -1
        return state

    def forget(self, lanes: Ints) -> None:
        """These hold nothing any more."""
        for column in (self.quantity, self.buys, self.level, self.decided):
            column[lanes] = 0
        self.ceiling[lanes] = NO_CEILING
        if self.locked:
            for lane in lanes.tolist():
                self.locked.pop(lane, None)


class Wants(NamedTuple):
    """Buys decided on one close, for one session: re-entries and entries. Prices in paise."""

    lane: Ints
    limit: Ints
    quantity: Ints
    level: Ints
    reentry: Mask

    def take(self, rows: Mask) -> Wants:
        return Wants(self.lane[rows], self.limit[rows], self.quantity[rows], self.level[rows], self.reentry[rows])


class Gate(Protocol):
    """May refuse entries on their close: which of these candidates are taken."""

    def accept(self, day: int, chosen: Candidates, parameters: LaneParameters) -> Mask: ...


class Lanes:
    """The lanes of settings that see the same `columns`, session after session."""

    def __init__(
        self,
        market: LaneMarket,
        settings: Sequence[Parameters],
        columns: Columns,
        candidates: Candidates,
        *,
        gate: Gate | None = None,
        state: LaneState | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.market, self.columns, self.candidates, self.gate = market, columns, candidates, gate
        self.settings = LaneSettings(settings)
        self.width = len(market.instruments)
        self.state = state or LaneState.flat(self.width * len(settings))
        self.ledger = ledger or Ledger(self.width * len(settings))
        self.first_row = np.searchsorted(candidates.row, np.arange(len(market.days) + 1))
        firsts = [item.reentry_first for item in settings]
        self._resets = {first: _last_above(columns.rsi, first) for first in set(firsts)}
        self._reset_of = np.array(firsts)

    def run(self, first: date, last: date, tell: Callable[[int, int, date], None] | None = None) -> None:
        """Go through all sessions from `first` to `last`, both included."""
        days, sessions = self.market.days, self.market.sessions
        begin = int(np.searchsorted(days, max(first, sessions.first).toordinal()))
        end = int(np.searchsorted(days, min(last, sessions.last).toordinal(), side="right"))
        ultimate = min(last, sessions.last).toordinal()
        for row in range(begin, end):
            self.step(row, ultimate)
            if tell is not None:
                tell(row - begin + 1, end - begin, date.fromordinal(int(days[row])))

    def step(self, row: int, last: int) -> None:
        """One session: corporate actions, then orders and shares through it, then decisions on its close, for sessions up to
        `last` (an ordinal)."""
        state = self.state
        lanes = np.flatnonzero((state.quantity > 0) | (state.order_session > 0))
        lanes = lanes[self.market.panel.state[row, lanes % self.width] > 0]
        self._apply_actions(row, lanes)
        if self.market.runs[row]:
            self._trade(row, lanes)
            if self.market.days[row] < last:
                self._decide(row, lanes, last)

    def parameters(self, lanes: Ints) -> LaneParameters:
        return self.settings.of(lanes // self.width)

    # --- a session

    def _trade(self, row: int, lanes: Ints) -> None:
        """Orders and shares of these lanes through one run session."""
        state, day = self.state, int(self.market.days[row])
        limit, quantity = self._before_open(row, lanes)
        state.order_session[lanes] = 0
        held = state.quantity[lanes]
        if state.locked:
            session = date.fromordinal(day)
            tied = {lane: Holding(0, parts).free(session) for lane, parts in state.locked.items()}
            held = held + np.array([tied.get(lane, 0) for lane in lanes.tolist()], dtype=np.int64)
        busy = np.flatnonzero((held > 0) | (quantity > 0))
        if not len(busy):
            return
        lanes, held, limit, quantity = lanes[busy], held[busy], limit[busy], quantity[busy]
        parameters, plans, bars = self.parameters(lanes), self._plans(row, lanes, held, limit, quantity), self._bars(row, lanes)
        slow = walks(bars, plans, parameters) | self.market.with_minutes(row, lanes % self.width)
        quick = np.flatnonzero(~slow)
        if len(quick) == len(lanes):
            self._book(row, lanes, plans, closed_forms(bars, plans, parameters))
        else:
            chosen = plans.take(quick)
            results = closed_forms(bars.take(quick), chosen, parameters.where(quick))
            self._book(row, lanes[quick], chosen, results)
            for i in np.flatnonzero(slow).tolist():
                self._walk(row, int(lanes[i]), plans.one(i))

    def _before_open(self, row: int, lanes: Ints) -> tuple[Ints, Ints]:
        """Limits and quantities of the orders after the morning, 0 where there is none: premarket-retry (ex-date, distance from
        the last close), then amo-adjust."""
        state, market = self.state, self.market
        day = int(market.days[row])
        limits, quantities = np.zeros((2, len(lanes)), dtype=np.int64)
        due = np.flatnonzero(state.order_session[lanes] == day)
        if not len(due):
            return limits, quantities
        own = lanes[due]
        column, parameters = own % self.width, self.parameters(own)
        decided, limit, quantity = state.order_decided[own], state.order_limit[own], state.order_quantity[own]
        opened = market.panel.open[row, column].astype(np.int64)
        last = market.panel.close[market.previous[row, column], column].astype(np.int64)
        ema = self.columns.ema_fast[decided, column] / market.panel.multiplier[row, column]
        gone = market.barred[decided, column] | too_far_rows(limit, last, parameters) | reward_gone(opened, ema, parameters)
        wanted = self._fitted(np.minimum(opened, limit), row, decided, column, parameters)
        change = (wanted > 0) & worth_changing_rows(quantity, wanted, parameters)
        lower = (opened < limit) & parameters.amo_adjust_reprice
        limits[due] = np.where(lower, opened // market.ticks(day, column) * market.ticks(day, column), limit)
        quantities[due] = np.where(gone, 0, np.where(change, wanted, quantity))
        return limits, quantities

    def _fitted(self, prices: Ints, row: int, decided: Ints, column: Ints, parameters: LaneParameters) -> Ints:
        turnover = self.columns.average_turnover[decided, column]
        session = date.fromordinal(int(self.market.days[row]))
        return sizes(prices, session=session, parameters=parameters, average_turnover=turnover)

    def _plans(self, row: int, lanes: Ints, held: Ints, limit: Ints, quantity: Ints) -> Plans:
        market, column, parameters = self.market, lanes % self.width, self.parameters(lanes)
        last = market.previous[row, column]
        frozen = np.equal(parameters.freeze, "position")
        return Plans(
            held=held,
            ema_level=self.columns.ema_fast[last, column] / market.panel.multiplier[row, column],
            tick=market.ticks(int(market.days[row]), column),
            buy_limit=np.where(quantity > 0, limit, 0),
            buy_quantity=quantity,
            same_day=market.panel.state[row, column] == SERIES["EQ"],
            rsi_exit=(held > 0) & rsi_exit_due(self.columns.rsi[last, column], parameters),
            ceiling=np.where(frozen, self.state.ceiling[lanes], NO_CEILING),
        )

    def _bars(self, row: int, lanes: Ints) -> Bars:
        panel, column = self.market.panel, lanes % self.width
        return Bars(*(table[row, column].astype(np.int64) for table in (panel.open, panel.high, panel.low, panel.close)))

    def _book(self, row: int, lanes: Ints, plans: Plans, results: Results) -> None:
        state = self.state
        buys, sells = np.flatnonzero(results.bought), np.flatnonzero(results.sold)
        self._bought(row, lanes[buys], plans.buy_quantity[buys], results.bought[buys])
        self._sold(row, lanes[sells], results.shares[sells], results.sold[sells])
        state.forget(lanes[sells][state.quantity[lanes[sells]] == 0])
        resting = np.flatnonzero(results.resting)
        state.ceiling[lanes[resting]] = results.resting[resting]

    def _bought(self, row: int, lanes: Ints, quantity: Ints, price: Ints) -> None:
        state = self.state
        if len(lanes):
            self.ledger.add(Side.BUY, row, lanes, quantity, price, opens=state.quantity[lanes] == 0)
            state.quantity[lanes] += quantity
            state.buys[lanes] += 1
            state.level[lanes], state.decided[lanes] = state.order_level[lanes], state.order_decided[lanes]
            state.traded[lanes] = row

    def _sold(self, row: int, lanes: Ints, quantity: Ints, price: Ints) -> None:
        state = self.state
        if len(lanes):
            self.ledger.add(Side.SELL, row, lanes, quantity, price)
            state.quantity[lanes] -= quantity
            state.traded[lanes] = row

    # --- the rare cases, one lane after the other

    def _walk(self, row: int, lane: int, plan: Plan) -> None:
        """The session of one lane, by the code of the single backtest."""
        column, setting = lane % self.width, lane // self.width
        listing, session = self.market.listings[column], self._session(row)
        bar = listing.history.bar(int(np.searchsorted(self.market.rows[column], row)))
        minutes = session.minutes(listing.instrument(session.date).closing_auction)
        found = tuple(listing.minutes(session.date)) if self.market.with_minutes(row, np.array([column])).any() else ()
        result = trade(bar, minutes, found, plan, self.settings.settings[setting])
        one = np.array([lane])
        for item in result.executions:
            book = self._bought if item.side is Side.BUY else self._sold
            book(row, one, np.array([item.quantity]), np.array([item.price]))
        if result.resting is not None:
            self.state.ceiling[lane] = result.resting
        if not self.state.quantity[lane]:
            self.state.forget(one)

    def _apply_actions(self, row: int, lanes: Ints) -> None:
        """Bring what is held through the actions since the bar before."""
        state, market = self.state, self.market
        acted = lanes[market.acted[row, lanes % self.width] & (state.quantity[lanes] > 0)]
        for lane in acted.tolist():
            column = lane % self.width
            last, ceiling = int(market.previous[row, column]), int(state.ceiling[lane])
            step = Step(
                close=int(market.panel.close[last, column]),
                open=int(market.panel.open[row, column]),
                multiplier_before=float(market.panel.multiplier[last, column]),
                multiplier=float(market.panel.multiplier[row, column]),
                tick=int(market.ticks(int(market.days[row]), np.array([column]))[0]),
            )
            held = Holding(int(state.quantity[lane]), state.locked.get(lane, ()), None if ceiling == NO_CEILING else ceiling)
            actions = market.actions(column, int(market.days[last]), int(market.days[row]))
            held, booked = through_actions(held, actions, step, market.sessions)
            self.ledger.adjust(lane, booked)
            state.quantity[lane] = held.quantity
            state.ceiling[lane] = NO_CEILING if held.ceiling is None else held.ceiling
            if held.locked:
                state.locked[lane] = held.locked
            if not held.quantity:
                state.forget(np.array([lane]))

    def _session(self, row: int) -> Session:
        found = self.market.sessions.session(date.fromordinal(int(self.market.days[row])))
        assert found is not None
        return found

    # --- decisions on a close

    def _decide(self, row: int, lanes: Ints, last: int) -> None:
        """Write the orders that this close asks for."""
        following = int(self.market.next_run[row])
        if following > last:
            return
        held, level = self._reentries(row, lanes)
        new = self._entries(row)
        wanted = np.concatenate([held, new.lane])
        if not len(wanted):
            return
        column, parameters = wanted % self.width, self.parameters(wanted)
        fresh = levels_at_entry(self.columns.rsi[row, column[len(held) :]], parameters.where(slice(len(held), None)))
        closes = self.market.panel.close[row, column].astype(np.int64)
        limit = entry_limits(closes, self.market.ticks(following, column), parameters)
        turnover = self.columns.average_turnover[row, column]
        quantity = sizes(limit, session=date.fromordinal(following), parameters=parameters, average_turnover=turnover)
        again = np.arange(len(wanted)) < len(held)
        quantity[again & (quantity * limit < parameters.least_reentry)] = 0
        wants = Wants(wanted, limit, quantity, np.concatenate([level, fresh]), again)
        self._order(row, following, wants.take(quantity > 0))

    def _order(self, row: int, session: int, wants: Wants) -> None:
        state = self.state
        state.order_session[wants.lane], state.order_decided[wants.lane] = session, row
        state.order_limit[wants.lane], state.order_quantity[wants.lane] = wants.limit, wants.quantity
        state.order_level[wants.lane] = wants.level

    def _reentries(self, row: int, lanes: Ints) -> tuple[Ints, Ints]:
        """Lanes with shares that want more, and the level that each would use."""
        state = self.state
        held = lanes[state.quantity[lanes] > 0]
        held = held[state.buys[held] < self.parameters(held).max_buys]
        if not len(held):
            return held, held
        column, parameters = held % self.width, self.parameters(held)
        firsts = self._reset_of[held // self.width]
        reset = np.zeros(len(held), dtype=np.bool_)
        for first, last_above in self._resets.items():
            reset |= (firsts == first) & (last_above[row, column] > state.decided[held])
        table = self.columns
        level = next_levels(state.level[held], reset, table.rsi[row, column], table.above_slow[row, column], parameters)
        return held[level > 0], level[level > 0]

    def _entries(self, row: int) -> Candidates:
        """Flat lanes whose entry rule holds, not traded in this session, and admitted."""
        found = self.candidates.take(slice(self.first_row[row], self.first_row[row + 1]))
        state, column = self.state, found.lane % self.width
        free = (state.quantity[found.lane] == 0) & (state.traded[found.lane] < row)
        free &= self.market.admitted[column] & ~self.market.barred[row, column]
        found = found.take(free)
        if self.gate is not None and len(found.lane):
            taken = self.gate.accept(int(self.market.days[row]), found, self.parameters(found.lane))
            found = found.take(taken)
        return found


@dataclass(frozen=True, eq=False)
class LaneRun:
    """What a run made: closed trades, and positions that are still held, by (setting, instrument)."""

    trades: LaneTrades
    held: dict[tuple[int, int], Folded]


def run_lanes(
    market: LaneMarket,
    settings: Sequence[Parameters],
    *,
    first: date,
    last: date,
    scored: bool = True,
    entries: Callable[[Candidates, Sequence[Parameters]], Candidates] | None = None,
    progress: Callable[[int, int, date], None] | None = None,
) -> LaneRun:
    """Every setting on every instrument from `first` to `last`, both included: as `backtest.gated` of each, or as `backtest.run`
    where not `scored`. `entries` may put other candidates in the place of those of the rules (settings of one call share their
    indicators; lanes are numbered setting x instruments + instrument, rows are those of the market)."""
    width = len(market.instruments)
    trades: list[LaneTrades] = []
    held: dict[tuple[int, int], Folded] = {}
    for numbers, own in groups(settings, INDICATOR_SETTINGS):
        columns, made = market.columns(own[0])
        candidates = market.candidates(made, own)
        del made
        gate = None
        if scored:
            reference = Lanes(market, own, columns, candidates)
            reference.run(date.min, date.max, progress)
            gate = ScoreGate(trades_of(reference.ledger, market.days, width, range(len(own)))[0], width)
        chosen = candidates if entries is None else entries(candidates, own)
        lanes = Lanes(market, own, columns, chosen, gate=gate)
        lanes.run(first, last, progress)
        closed, still_open = trades_of(lanes.ledger, market.days, width, numbers)
        trades.append(closed)
        held |= {(numbers[item.lane // width], item.lane % width): item.folded for item in still_open}
    return LaneRun(LaneTrades.joined(trades), held)


def groups(settings: Sequence[Parameters], names: Sequence[str]) -> Iterator[tuple[list[int], list[Parameters]]]:
    """Settings that agree in these names, with their numbers."""
    found: dict[tuple[object, ...], list[int]] = {}
    for number, item in enumerate(settings):
        found.setdefault(tuple(getattr(item, name) for name in names), []).append(number)
    for numbers in found.values():
        yield numbers, [settings[number] for number in numbers]


def _last_above(rsi: Floats, first: float) -> Ints:
    """The last row up to each on which RSI was above the first level; -1 without one."""
    rows = np.where(rsi > first, np.arange(len(rsi), dtype=np.int32)[:, None], np.int32(-1))
    above: Ints = np.maximum.accumulate(rows, axis=0) if len(rsi) else rows
    return above
