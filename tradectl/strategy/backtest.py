"""The backtest of one symbol: the trades that a minute-by-minute simulation of it alone makes, limits out of the way.

Decisions fall on the close of each run session that has a bar; an order trades in the next run session only, and expires
where the symbol has no bar there. Between two interesting bars nothing is visited: without shares or an order the run jumps to
the next bar on which the entry rule holds. Positions, trades and money are the fold of the fills (model.position).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby

from tradectl.exchange.charges import day_charges
from tradectl.exchange.sessions import Session
from tradectl.exchange.ticks import round_down
from tradectl.model.market import CorporateAction, bars_entry
from tradectl.model.order import Fill, Side
from tradectl.model.position import Adjustment, Folded, Trade, fold
from tradectl.model.series import TRADE_FOR_TRADE
from tradectl.model.surveillance import is_excluded
from tradectl.strategy.entry import Mask, admission_mask, entry_mask, is_share, reward_gone
from tradectl.strategy.exits import entry_limit, rsi_exit_due
from tradectl.strategy.facts import Facts
from tradectl.strategy.holding import Holding, Step, through_actions
from tradectl.strategy.intraday import Plan, Result, trade
from tradectl.strategy.reentry import level_at_entry, next_level
from tradectl.strategy.risk import too_far
from tradectl.strategy.score import backtest_score, combined, strength
from tradectl.strategy.sizing import Sizing, size_buy, worth_changing

__all__ = ["Backtest", "Facts", "Order", "Past", "Run", "gated", "reference", "run", "settled"]


@dataclass(frozen=True)
class Backtest:
    """What a run made. `charges` by fill id; `folded` is the fold of everything, with what is still open at the end. `orders` are
    all it decided by itself, filled or not."""

    first: date
    last: date
    fills: tuple[Fill, ...]
    adjustments: tuple[Adjustment, ...]
    charges: Mapping[str, int]
    folded: Folded
    orders: tuple[Order, ...] = ()

    @property
    def trades(self) -> tuple[Trade, ...]:
        return self.folded.trades

    @property
    def open_position(self) -> Folded | None:
        """The fold if shares are still held, else None."""
        return self.folded if self.folded.quantity else None


def run(
    facts: Facts, *, first: date, last: date, accept: Callable[[int], bool] | None = None, entries: Mask | None = None
) -> Backtest:
    """Everything from `first` to `last`, both included. `accept(i)` may refuse an entry decided on bar `i` (the score).
    `entries`: the bars on which the entry rule is to hold, instead of where it does; the universe is asked all the same."""
    return Run(facts, first, last, accept, entries).run()


@dataclass(frozen=True, slots=True)
class Past:
    """The reference trades of a symbol that were closed while it was still followed, and the session on which the run held
    nothing and had ordered nothing: from there on it goes as if nothing had been before."""

    trades: tuple[Trade, ...]
    flat_on: date


def reference(facts: Facts, past: Past | None = None) -> tuple[Trade, ...]:
    """The trades that the score looks at: all entries from the first eligible bar on. Those closed by a session do not
    depend on any later bar. `past`: what `settled` said of the same bars, when there were fewer of them."""
    return settled(facts, past)[0]


def settled(facts: Facts, past: Past | None = None) -> tuple[tuple[Trade, ...], Past | None]:
    """The trades of `reference`, and what a later call may go on from; None where there is no bar. That never includes the last
    bar, which may be provisional."""
    if not len(facts.history):
        return (), past
    following = Run(facts, past.flat_on if past else date.min, date.max)
    trades = (past.trades if past else ()) + following.run().trades
    flat_on = facts.history.session(following.flat_at)
    return trades, Past(tuple(trade for trade in trades if trade.exit_session < flat_on), flat_on)


def gated(facts: Facts, *, first: date, last: date) -> Backtest:
    """What the tool would have traded: only entries whose combined score was a BUY at their time."""
    trades, parameters = reference(facts), facts.parameters

    def accept(i: int) -> bool:
        reading = facts.features.reading(facts.history, i)
        past = backtest_score(trades, reading.session, parameters).score
        return bool(combined(strength(reading, parameters), past, parameters) >= parameters.buy_score)

    return run(facts, first=first, last=last, accept=accept)


@dataclass(frozen=True, slots=True)
class Order:
    """A buy for one session, decided on the close of bar `decided`. `limit` in paise; `reentry`: of a symbol that is held."""

    session: date
    decided: int
    limit: int
    quantity: int
    level: int
    reentry: bool = False


class Run:
    """One symbol from bar to bar: shares, what of them is locked, the cycle of levels, and the order for the next session.

    `run` goes through all of it by itself, funds no bound. Who has one account for many symbols takes the steps of a session one
    by one instead, for those that are held, ordered or wanted: `through_actions`, `withdrawn`, `fitted`, `trade`, `wanted`,
    `sized`; the orders are his then, and `order` stays empty."""

    def __init__(
        self,
        facts: Facts,
        first: date,
        last: date,
        accept: Callable[[int], bool] | None = None,
        entries: Mask | None = None,
    ) -> None:
        history, sessions = facts.history, facts.sessions
        self.facts, self.accept = facts, accept
        self.first, self.last = max(first, sessions.first), min(last, sessions.last)
        self.begin = bisect_left(history.sessions, self.first.toordinal())
        self.end = bisect_right(history.sessions, self.last.toordinal())
        rule = entry_mask(facts.features, facts.parameters) if entries is None else entries
        mask = rule & admission_mask(history, facts.features, facts.parameters, facts.excluded) & facts.trusted
        if facts.undecided_from is not None:  # nothing is traded from then on, what is held stays
            self.end = min(self.end, bisect_left(history.sessions, facts.undecided_from.toordinal()))
        self.candidates: list[int] = mask.nonzero()[0].tolist()
        self.ex_dates = [action.ex_date for action in facts.actions]
        self.fills: list[Fill] = []
        self.adjustments: list[Adjustment] = []
        self.order: Order | None = None
        self.orders: list[Order] = []
        self.flat_at = min(self.begin, max(self.end - 1, 0))
        self._flat()

    def _flat(self) -> None:
        self.holding = Holding(0)
        self.buys = self.level = self.decided = 0

    def run(self) -> Backtest:
        j, looked_at = self._next(self.begin), -1
        while j < self.end:
            if not self.holding.quantity and not self.order:
                self.flat_at = j
            looked_at = j
            day = self.facts.history.session(j)
            session = self.facts.sessions.session(day)
            self.through_actions(j, day)
            if session is not None and session.runs:
                result = self.trade(j, session, self._due(j, day))
                self._decide(j, day, traded=bool(result.executions))
            j = self._next(j + 1)
        if looked_at < self.end - 1:
            self.flat_at = self.end - 1
        return self.result()

    def _next(self, j: int) -> int:
        """The next bar that matters: the very next one while something is held or ordered, else the next candidate. So where the
        run ends before the last bar, nothing is."""
        if self.holding.quantity or self.order:
            return j
        k = bisect_left(self.candidates, j)
        return self.candidates[k] if k < len(self.candidates) else self.end

    # --- decisions on a close

    def _decide(self, j: int, day: date, *, traded: bool) -> None:
        order = self.wanted(j, day, traded=traded)
        if order is None or (not order.reentry and self.accept is not None and not self.accept(j)):
            return
        quantity = self.sized(order).quantity
        if quantity:
            self.order = replace(order, quantity=quantity)
            self.orders.append(self.order)

    def wanted(self, j: int, day: date, *, traded: bool) -> Order | None:
        """What the rules want for the next run session after the close of bar `j`, of no quantity yet. `traded`: whether the
        symbol was traded in this session, which forbids an entry."""
        if day >= self.last or not self.facts.trusted[j]:
            return None
        reentry = self.holding.quantity > 0
        if reentry and is_excluded(self.facts.excluded, day):
            return None
        level = self._reentry_level(j) if reentry else self._entry_level(j, day, traded=traded)
        if not level:
            return None
        session = self.facts.sessions.next_run_session(day).date
        if session > self.last or (not reentry and self._barred(day, session)):
            return None
        limit = entry_limit(int(self.facts.history.close[j]), self.facts.instrument(session).tick_size, self.facts.parameters)
        return Order(session, j, limit, 0, level, reentry)

    def _entry_level(self, j: int, day: date, *, traded: bool) -> int:
        k = bisect_left(self.candidates, j)
        if traded or k == len(self.candidates) or self.candidates[k] != j:
            return 0
        if not is_share(self.facts.instrument(day).isin):
            return 0
        return level_at_entry(float(self.facts.features.rsi[j]), self.facts.parameters)

    def _reentry_level(self, j: int) -> int:
        table, parameters = self.facts.features, self.facts.parameters
        if self.buys >= parameters.max_buys:
            return 0
        above = bool(table.close[j] > table.ema_slow[j])
        return next_level(self.level, table.rsi[self.decided + 1 : j + 1], float(table.rsi[j]), above, parameters)

    def _barred(self, after: date, through: date) -> bool:
        """Whether an ex-date that cancels buys lies in (after, through]."""
        return any(bars_entry(action) for action in self._actions(after, through))

    def _actions(self, after: date, through: date) -> tuple[CorporateAction, ...]:
        return self.facts.actions[bisect_right(self.ex_dates, after) : bisect_right(self.ex_dates, through)]

    def sized(self, order: Order, funds: int | None = None) -> Sizing:
        """How many shares a wanted buy takes, with so many paise (None: no bound); zero with a reason."""
        return self._sizing(order, order.limit, funds, reentry=order.reentry)

    def _sizing(self, order: Order, price: int, funds: int | None, *, reentry: bool = False) -> Sizing:
        return size_buy(
            price,
            session=order.session,
            parameters=self.facts.parameters,
            average_turnover=int(self.facts.features.average_turnover[order.decided]),
            funds=funds,
            limit_price=order.limit,
            reentry=reentry,
        )

    # --- a session

    def _due(self, j: int, day: date) -> Order | None:
        """The order for this session as the morning leaves it; one for an earlier session has expired."""
        order = self.order
        if order is None or order.session > day:
            return None
        self.order = None
        return self.fitted(order, j) if order.session == day and not self.withdrawn(order) else None

    def withdrawn(self, order: Order) -> bool:
        """Whether premarket-retry cancels it: an ex-date, a surveillance list that came since, or a limit too far from the last
        close. A list does not say at what hour it came out, so it counts from the evening of its date."""
        history = self.facts.history
        if is_excluded(self.facts.excluded, order.session - timedelta(days=1)):
            return True
        last = history.last_index(order.session - timedelta(days=1))
        return self._barred(history.session(order.decided), order.session) or too_far(
            order.limit, int(history.close[last]), self.facts.parameters
        )

    def fitted(self, order: Order, j: int, funds: int | None = None) -> Order | None:
        """The order as amo-adjust leaves it at the open of bar `j`, with so many paise in all (None: no bound); None where it
        cancels it."""
        history, parameters = self.facts.history, self.facts.parameters
        opened = int(history.open[j])
        ema_level = float(self.facts.features.ema_fast[order.decided] / history.multiplier[j])
        if reward_gone(opened, ema_level, parameters):
            return None
        wanted = self._sizing(order, min(opened, order.limit), funds).quantity
        if wanted and worth_changing(order.quantity, wanted, parameters):
            order = replace(order, quantity=wanted)
        if parameters.amo_adjust_reprice and opened < order.limit:
            order = replace(order, limit=round_down(opened, self.facts.instrument(order.session).tick_size))
        return order

    def trade(self, j: int, session: Session, order: Order | None) -> Result:
        """The shares that are held, and a buy, through bar `j`, the one of this run session."""
        day = session.date
        held = self.holding.free(day)
        if not held and order is None:
            return Result()
        history, table, parameters = self.facts.history, self.facts.features, self.facts.parameters
        instrument, last = self.facts.instrument(day), j - 1
        plan = Plan(
            held=held,
            ema_level=float(table.ema_fast[last] / history.multiplier[j]),
            tick=instrument.tick_size,
            buy_limit=order.limit if order else 0,
            buy_quantity=order.quantity if order else 0,
            same_day=str(history.series[j]) not in TRADE_FOR_TRADE,
            rsi_exit=held > 0 and rsi_exit_due(float(table.rsi[last]), parameters),
            ceiling=self.holding.ceiling if parameters.freeze == "position" else None,
        )
        minutes = session.minutes(instrument.closing_auction)
        result = trade(history.bar(j), minutes, tuple(self.facts.minutes(day)), plan, parameters)
        self._book(result, session, instrument.symbol, order)
        return result

    def _book(self, result: Result, session: Session, symbol: str, order: Order | None) -> None:
        ceiling = result.resting if result.resting is not None else self.holding.ceiling
        if not result.executions:
            if ceiling != self.holding.ceiling:
                self.holding = replace(self.holding, ceiling=ceiling)
            return
        opened, bought = session.open_at(), 0
        for item in result.executions:
            at = opened + timedelta(seconds=item.second)
            number = len(self.fills) + 1
            fill_id = f"{self.facts.history.instrument_id}-{number}"
            self.fills.append(Fill(fill_id, symbol, item.side, item.quantity, item.price, session.date, at, number))
            if item.side is Side.BUY and order is not None:
                bought += item.quantity
                self.buys, self.level, self.decided = self.buys + 1, order.level, order.decided
            else:
                bought -= item.quantity
        self.holding = replace(self.holding, quantity=self.holding.quantity + bought, ceiling=ceiling)
        if not self.holding.quantity:
            self._flat()

    def through_actions(self, j: int, day: date) -> None:
        """Bring the holding through the actions with an ex-date after the previous bar, up to this one."""
        history = self.facts.history
        actions = self._actions(history.session(j - 1), day) if self.holding.quantity else ()
        if not actions:
            return
        step = Step(
            close=int(history.close[j - 1]),
            open=int(history.open[j]),
            multiplier_before=float(history.multiplier[j - 1]),
            multiplier=float(history.multiplier[j]),
            tick=self.facts.instrument(day).tick_size,
        )
        self.holding, booked = through_actions(self.holding, actions, step, self.facts.sessions)
        self.adjustments += booked
        if not self.holding.quantity:
            self._flat()

    def result(self) -> Backtest:
        """Everything so far."""
        charges: dict[str, int] = {}
        for day, fills in groupby(self.fills, key=lambda fill: fill.session):
            charges.update(day_charges(day, list(fills), self.facts.parameters.tariff).by_fill)
        folded = fold(self.fills, self.adjustments, charges)
        return Backtest(self.first, self.last, tuple(self.fills), tuple(self.adjustments), charges, folded, tuple(self.orders))
