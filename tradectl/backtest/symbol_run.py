"""Run one symbol bar by bar: held and locked shares, re-entry levels, and the order for the next session.

Decisions are made on the close of each run session that has a bar. An order is valid only in the next run session; it expires if
the symbol has no bar there. Without shares or an order, the run continues at the next bar on which the entry rule holds.
Positions, trades and money are computed from the fills (`model.position.fold`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from tradectl.backtest.context import BacktestContext
from tradectl.backtest.session import SessionPlan, SessionResult, trade
from tradectl.exchange.charges import day_charges
from tradectl.exchange.corporate_actions import BarStep, HeldShares, apply_actions
from tradectl.exchange.sessions import Session
from tradectl.exchange.ticks import round_down
from tradectl.model.market import CorporateAction, bars_entry
from tradectl.model.order import Fill, Side
from tradectl.model.position import Adjustment, Folded, Trade, fold
from tradectl.model.price_path import MinuteBar
from tradectl.model.series import TRADE_FOR_TRADE
from tradectl.model.surveillance import is_excluded
from tradectl.strategy.entry import Mask, admission_mask
from tradectl.strategy.exits import entry_limit
from tradectl.strategy.risk import too_far
from tradectl.strategy.rule_set import HeldBuys
from tradectl.strategy.sizing import Sizing, scaled, size_buy, worth_changing


class Backtest(Struct, frozen=True):
    """Hold the result of a run.

    `charges`: paise by fill id. `folded`: trades and the open position, computed from the fills. `orders`: every buy that `run`
    decided, filled or not; empty for a run of `Portfolio`. `ambiguous`: sessions in which a bar reached the stop and the target.
    `without_stop`: sessions in which the rule's stop was unknown while shares were held.
    """

    first: date
    last: date
    fills: tuple[Fill, ...]
    adjustments: tuple[Adjustment, ...]
    charges: Mapping[str, int]
    folded: Folded
    orders: tuple[PlannedBuy, ...] = ()
    ambiguous: tuple[date, ...] = ()
    without_stop: tuple[date, ...] = ()

    @property
    def trades(self) -> tuple[Trade, ...]:
        """Return the closed trades."""
        return self.folded.trades

    @property
    def open_position(self) -> Folded | None:
        """Return the open position; None if no shares are held."""
        return self.folded if self.folded.quantity else None


class PlannedBuy(Struct, frozen=True):
    """Represent a buy for one session.

    `decided`: index of the bar on whose close the buy was decided. `limit`: paise. `level`: RSI level. `reentry`: the symbol is
    already held."""

    session: date
    decided: int
    limit: int
    quantity: int
    level: int
    reentry: bool = False


class SymbolRun:
    """Run one symbol from bar to bar.

    `run` runs all sessions without a limit of funds. `Portfolio` instead calls the steps of a session: `apply_actions`,
    `withdrawn`, `fitted`, `trade`, `wanted` and `sized`. It keeps the orders itself, and `order` stays None.

    Args:
        context: The data of the symbol.
        first: First session.
        last: Last session.
        accept: Returns whether an entry on the close of a bar (index) is accepted; None accepts all.
        entries: Bars on which the entry rule holds; None computes them.
        admitted: Bars (indices) on which the entry rule and those of the universe hold; None computes them.
    """

    def __init__(
        self,
        context: BacktestContext,
        first: date,
        last: date,
        accept: Callable[[int], bool] | None = None,
        entries: Mask | None = None,
        *,
        admitted: Sequence[int] | None = None,
    ) -> None:
        history, sessions = context.history, context.sessions
        self.context, self.accept = context, accept
        self.first, self.last = max(first, sessions.first), min(last, sessions.last)
        self.begin = bisect_left(history.sessions, self.first.toordinal())
        self.end = bisect_right(history.sessions, self.last.toordinal())
        self.rules = context.rules
        if context.undecided_from is not None:  # no trades from that date on; held shares stay
            self.end = min(self.end, bisect_left(history.sessions, context.undecided_from.toordinal()))
        self.entry_bars: Sequence[int] = self._admitted(entries) if admitted is None else admitted
        self.ex_dates = [action.ex_date for action in context.actions]
        self.fills: list[Fill] = []
        self.adjustments: list[Adjustment] = []
        self.order: PlannedBuy | None = None
        self.orders: list[PlannedBuy] = []
        self.ambiguous: list[date] = []
        self.without_stop: list[date] = []
        self.flat_at = min(self.begin, max(self.end - 1, 0))
        self._flat()

    def _flat(self) -> None:
        self.holding, self.held = HeldShares(0), HeldBuys()

    def _admitted(self, entries: Mask | None) -> list[int]:
        context = self.context
        rule = self.rules.entries if entries is None else entries
        mask = rule & admission_mask(context.history, context.features, context.parameters, context.excluded) & context.trusted
        found: list[int] = mask.nonzero()[0].tolist()
        return found

    def run(self) -> Backtest:
        """Run all sessions of the span and return the result."""
        j, looked_at = self._next(self.begin), -1
        while j < self.end:
            if not self.holding.quantity and not self.order:
                self.flat_at = j
            looked_at = j
            self._visit(j)
            j = self._next(j + 1)
        if looked_at < self.end - 1 and not self.holding.quantity:
            self.flat_at = self.end - 1
        return self.result()

    def run_from(self, j: int) -> int:
        """Take the entry on bar `j` without shares or an order before it, and run until there are none again.

        Return the next bar on which an entry may be decided.
        """
        self.entry_bars = [j]
        traded, at = self._visit(j), j
        while self.order or self.holding.quantity:
            following = self._next(at + 1)
            if following >= self.end:
                self.order = None
                return self.end
            traded, at = self._visit(following), following
        return at + 1 if traded or at == j else at

    def _visit(self, j: int) -> bool:
        """Run the session of bar `j` and decide on its close. Return whether it traded."""
        day = self.context.history.session(j)
        session = self.context.sessions.session(day)
        self.apply_actions(j, day)
        if session is None or not session.runs:
            return False
        traded = bool(self.trade(j, session, self._due(j, day)).executions)
        self._decide(j, day, traded=traded)
        return traded

    def _next(self, j: int) -> int:
        """Return the next bar to process, from `j` on.

        With an order it is `j`. With shares it is the next session in which the rule may trade. Else it is the next entry bar.
        """
        if self.order:
            return j
        if self.holding.quantity:
            return self._next_event(j)
        k = bisect_left(self.entry_bars, j)
        return self.entry_bars[k] if k < len(self.entry_bars) else self.end

    def _next_event(self, j: int) -> int:
        """Return the next bar from `j` on in whose session the held shares may change; `j` if each session must be visited."""
        minutes = self._minute_bars
        if minutes is None or self.holding.locked or self.context.parameters.freeze == "position":
            return j
        found = self.rules.next_event(self.held, j)
        if found == j:
            return j
        sessions = self.context.history.sessions
        k = bisect_right(self.ex_dates, self.context.history.session(j - 1))
        if k < len(self.ex_dates):
            found = min(found, bisect_left(sessions, self.ex_dates[k].toordinal()))
        k = bisect_left(minutes, j)
        return max(j, min(found, minutes[k]) if k < len(minutes) else found)

    @cached_property
    def _minute_bars(self) -> list[int] | None:
        """Return the indices of the bars whose sessions have minute bars; None if unknown."""
        known = self.context.minute_sessions
        return None if known is None else sorted(j for j in (self.context.history.index(day) for day in known()) if j is not None)

    def _minutes_of(self, j: int, day: date) -> tuple[MinuteBar, ...]:
        """Return the minute bars of a session. They are read only where there are some, because each read is a query."""
        known = self._minute_bars
        if known is not None and ((k := bisect_left(known, j)) == len(known) or known[k] != j):
            return ()
        return tuple(self.context.minutes(day))

    # --- decisions on a close

    def _decide(self, j: int, day: date, *, traded: bool) -> None:
        order = self.wanted(j, day, traded=traded)
        if order is None or (not order.reentry and self.accept is not None and not self.accept(j)):
            return
        quantity = self.sized(order).quantity
        if quantity:
            self.order = replace(order, quantity=quantity)
            self.orders.append(self.order)

    def wanted(self, j: int, day: date, *, traded: bool) -> PlannedBuy | None:
        """Return the buy for the next run session that the rules decide on the close of bar `j`, without a quantity, or None.

        `traded`: whether the symbol traded in this session, which forbids an entry.
        """
        if day >= self.last or not self.context.trusted[j]:
            return None
        reentry = self.holding.quantity > 0
        if reentry and is_excluded(self.context.excluded, day):
            return None
        level = self.rules.reentry_level(self.held, j) if reentry else self._entry_level(j, day, traded=traded)
        if not level:
            return None
        session = self.context.sessions.next_run_session(day).date
        if session > self.last or (not reentry and self._barred(day, session)):
            return None
        limit = entry_limit(
            int(self.context.history.close[j]), self.context.instrument(session).tick_size, self.context.parameters
        )
        return PlannedBuy(session, j, limit, 0, level, reentry)

    def _entry_level(self, j: int, day: date, *, traded: bool) -> int:
        """Return the RSI level of an entry on the close of bar `j`; 0 for no entry."""
        k = bisect_left(self.entry_bars, j)
        if traded or k == len(self.entry_bars) or self.entry_bars[k] != j:
            return 0
        if not (self.context.instrument(day).isin or "").startswith(self.rules.isins):
            return 0
        return self.rules.entry_level(j)

    def _barred(self, after: date, through: date) -> bool:
        """Return whether an ex-date that cancels buys lies in (after, through]."""
        return any(bars_entry(action) for action in self._actions(after, through))

    def _actions(self, after: date, through: date) -> tuple[CorporateAction, ...]:
        return self.context.actions[bisect_right(self.ex_dates, after) : bisect_right(self.ex_dates, through)]

    def sized(self, order: PlannedBuy, funds: int | None = None) -> Sizing:
        """Return the quantity of a buy. `funds`: paise; None for no limit. A quantity of 0 comes with a refusal."""
        return self._sizing(order, order.limit, funds, reentry=order.reentry)

    def _sizing(self, order: PlannedBuy, price: int, funds: int | None, *, reentry: bool = False) -> Sizing:
        return size_buy(
            price,
            session=order.session,
            parameters=scaled(self.context.parameters, self.rules.size(order.decided)),
            average_turnover=int(self.context.average_turnover[order.decided]),
            funds=funds,
            limit_price=order.limit,
            reentry=reentry,
        )

    # --- a session

    def _due(self, j: int, day: date) -> PlannedBuy | None:
        """Return the order for this session after the steps before the open, or None.

        An order for an earlier session expires."""
        order = self.order
        if order is None or order.session > day:
            return None
        self.order = None
        return self.fitted(order, j) if order.session == day and not self.withdrawn(order) else None

    def withdrawn(self, order: PlannedBuy) -> bool:
        """Return whether premarket-retry cancels an order.

        Reasons are an ex-date, a surveillance list, and a limit too far from the last close. A surveillance list has no
        publication time, so it counts from the evening of its date.
        """
        history = self.context.history
        if is_excluded(self.context.excluded, order.session - timedelta(days=1)):
            return True
        last = history.last_index(order.session - timedelta(days=1))
        return self._barred(history.session(order.decided), order.session) or too_far(
            order.limit, int(history.close[last]), self.context.parameters
        )

    def fitted(self, order: PlannedBuy, j: int, funds: int | None = None) -> PlannedBuy | None:
        """Return the order as amo-adjust changes it at the open of bar `j`; None if amo-adjust cancels it.

        `funds`: paise for the whole order; None for no limit.
        """
        history, parameters = self.context.history, self.context.parameters
        opened = int(history.open[j])
        if self.rules.reward_gone(order.decided, j - 1, float(history.multiplier[j]), opened, order.limit):
            return None
        wanted = self._sizing(order, min(opened, order.limit), funds).quantity
        if wanted and worth_changing(order.quantity, wanted, parameters):
            order = replace(order, quantity=wanted)
        if parameters.amo_adjust_reprice and opened < order.limit:
            order = replace(order, limit=round_down(opened, self.context.instrument(order.session).tick_size))
        return order

    def trade(self, j: int, session: Session, order: PlannedBuy | None) -> SessionResult:
        """Trade the held shares and a buy during bar `j`, the bar of this run session."""
        day = session.date
        held = self.holding.free(day)
        if not held and order is None:
            return SessionResult()
        history, parameters = self.context.history, self.context.parameters
        instrument = self.context.instrument(day)
        position = self.held if held or order is None else self._bought(j, min(int(history.open[j]), order.limit), order)
        levels = self.rules.levels(position, j - 1, float(history.multiplier[j]), instrument.tick_size)
        plan = SessionPlan(
            held=held,
            ema_level=levels.ema_level,
            tick=instrument.tick_size,
            buy_limit=order.limit if order else 0,
            buy_quantity=order.quantity if order else 0,
            same_day=str(history.series[j]) not in TRADE_FOR_TRADE,
            exit_at_open=held > 0 and self.rules.exit_due(self.held, j - 1),
            ceiling=self.holding.ceiling if parameters.freeze == "position" else None,
            fixed_target=levels.target,
            stop=levels.stop,
            low=int(history.low[j]),
        )
        minutes = session.minutes(instrument.closing_auction)
        result = trade(history.bar(j), minutes, self._minutes_of(j, day), plan, parameters)
        if result.ambiguous:
            self.ambiguous.append(day)
        if self.rules.stops and levels.stop is None and (held or result.executions):
            self.without_stop.append(day)
        self._book(result, session, instrument.symbol, order, j)
        return result

    def _bought(self, j: int, price: int, order: PlannedBuy) -> HeldBuys:
        """Return the buys of the position after a fill of `order` in bar `j`. `price`: paise as traded."""
        held, scale = self.held, float(self.context.history.multiplier[j])
        bought, paid = order.quantity / scale, price / 100 * scale
        shares = held.shares + bought
        average = paid if not held.buys else (held.price * held.shares + paid * bought) / shares
        return HeldBuys(held.buys + 1, order.level, order.decided, held.entered if held.buys else j, average, shares)

    def _book(self, result: SessionResult, session: Session, symbol: str, order: PlannedBuy | None, j: int) -> None:
        ceiling = result.resting if result.resting is not None else self.holding.ceiling
        if not result.executions:
            if ceiling != self.holding.ceiling:
                self.holding = replace(self.holding, ceiling=ceiling)
            return
        opened, bought = session.open_at(), 0
        for item in result.executions:
            at = opened + timedelta(seconds=item.second)
            number = len(self.fills) + 1
            fill_id = f"{self.context.history.instrument_id}-{number}"
            self.fills.append(Fill(fill_id, symbol, item.side, item.quantity, item.price, session.date, at, number))
            if item.side is Side.BUY and order is not None:
                bought += item.quantity
                self.held = self._bought(j, item.price, order)
            else:
                bought -= item.quantity
        self.holding = replace(self.holding, quantity=self.holding.quantity + bought, ceiling=ceiling)
        if not self.holding.quantity:
            self._flat()

    def apply_actions(self, j: int, day: date) -> None:
        """Apply to the held shares the corporate actions with an ex-date after the previous bar, up to this bar."""
        history = self.context.history
        actions = self._actions(history.session(j - 1), day) if self.holding.quantity else ()
        if not actions:
            return
        step = BarStep(
            close=int(history.close[j - 1]),
            open=int(history.open[j]),
            multiplier_before=float(history.multiplier[j - 1]),
            multiplier=float(history.multiplier[j]),
            tick=self.context.instrument(day).tick_size,
        )
        self.holding, booked = apply_actions(self.holding, actions, step, self.context.sessions)
        self.adjustments += booked
        if not self.holding.quantity:
            self._flat()

    def result(self) -> Backtest:
        """Return the result of all sessions so far."""
        charges: dict[str, int] = {}
        for day, fills in groupby(self.fills, key=lambda fill: fill.session):
            charges.update(day_charges(day, list(fills), self.context.parameters.tariff).by_fill)
        folded = fold(self.fills, self.adjustments, charges)
        return Backtest(
            self.first,
            self.last,
            tuple(self.fills),
            tuple(self.adjustments),
            charges,
            folded,
            orders=tuple(self.orders),
            ambiguous=tuple(self.ambiguous),
            without_stop=tuple(self.without_stop),
        )
