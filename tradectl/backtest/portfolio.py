"""Backtest one account session by session: many symbols with shared money and limits. `simulate` does the same by minutes.

`symbol_run.SymbolRun` decides the trades of each symbol. This module manages the cash, the limits and the order of the buys. In
the evening it plans the buys for the next run session: re-entries first, then signals by rank. In the morning it cancels orders,
retries orders that lacked funds (premarket-retry), and fits quantities to the opening price (amo-adjust). Then symbols trade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tradectl.backtest.candidates import Candidate
from tradectl.backtest.context import Span
from tradectl.backtest.symbol_run import Backtest, PlannedBuy, SymbolRun
from tradectl.exchange.bands import price_band
from tradectl.exchange.charges import buy_charges, day_charges
from tradectl.exchange.rates import Tariff
from tradectl.exchange.sessions import Session
from tradectl.model.history import History
from tradectl.model.market import ActionKind
from tradectl.model.money import Paise
from tradectl.model.order import Fill, Side
from tradectl.model.position import fold
from tradectl.model.refusal import Refusal
from tradectl.ports import Tell, silence
from tradectl.strategy.risk import Exposure, deny

Shuffle = Callable[[list[int]], object]
"""Function that reorders a day's candidates, given best first, in place."""


class EquityPoint(Struct, frozen=True):
    """Hold the account at the close of a run session, in paise.

    `value`: shares at their last close. `spun_off`: shares received from demergers, at cost."""

    session: date
    cash: Paise
    value: Paise
    spun_off: Paise

    @property
    def equity(self) -> Paise:
        """Return cash and all holdings (paise)."""
        return self.cash + self.value + self.spun_off


@dataclass(slots=True)
class AccountBuy:
    """Represent a buy of the account.

    `column`: index of the candidate. `sent`: the order is at the exchange and blocks its money; otherwise premarket-retry
    handles it in the morning."""

    column: int
    order: PlannedBuy
    sent: bool
    tariff: Tariff

    @property
    def blocked(self) -> Paise:
        """Return the money that the order blocks in paise: its value at the limit and the charges."""
        order = self.order
        return order.quantity * order.limit + buy_charges(order.session, order.quantity, order.limit, self.tariff)


class Portfolio:
    """Run one account over the sessions of a span, starting with `capital` in cash (paise).

    `through(session)` runs up to the end of a session. Then `equity_curve`, `results` and `buys` describe the account. `buys`
    are the orders for the next session in the order of their creation.
    """

    def __init__(self, candidates: Sequence[Candidate], span: Span, capital: Paise, shuffle: Shuffle | None = None) -> None:
        context, first, last = candidates[0].context, span.first, span.last
        self.sessions, self.parameters, self.shuffle = context.sessions, context.parameters, shuffle
        self.candidates = candidates
        self.runs = [SymbolRun(item.context, first, last, entries=item.entries) for item in candidates]
        self.ahead = self.sessions.between(max(first, self.sessions.first), min(last, self.sessions.last))[::-1]
        self.signals = _by_session(candidates)
        self.capital = self.cash = capital
        self.unsettled = self.sent = 0
        self.settled = date.min
        self.opened: dict[int, tuple[datetime, int]] = {}
        self.spun_off: dict[int, Paise] = {}
        self.buys: list[AccountBuy] = []
        self.equity_curve: list[EquityPoint] = []

    def run(self, tell: Tell = silence) -> None:
        """Run all remaining sessions."""
        total = len(self.ahead)
        while self.ahead:
            session = self.ahead[-1].date
            self.through(session)
            tell(session.isoformat(), total - len(self.ahead), total)

    def through(self, session: date) -> None:
        """Run up to the end of a session."""
        while self.ahead and self.ahead[-1].date <= session:
            self._run_session(self.ahead.pop())

    def results(self) -> list[Backtest]:
        """Return the fills, trades and open position of each candidate, in the order of the candidates."""
        return [run.result() for run in self.runs]

    # --- a session

    def _run_session(self, session: Session) -> None:
        day = session.date
        active = {*self.opened, *(buy.column for buy in self.buys)}
        found = ((column, self._history(column).index(day)) for column in sorted(active))
        bars = {column: j for column, j in found if j is not None and j < self.runs[column].end}
        if session.settles:
            self.settled, self.unsettled = day, 0
        for column, j in bars.items():
            self._apply_actions(column, j, day)
        if not session.runs:
            return
        self._retry(day)
        self._fit(bars)
        due = {buy.column: (number, buy.order) for number, buy in enumerate(self.buys) if buy.sent}
        traded = {column for column, j in bars.items() if self._trade(column, j, session, due.get(column))}
        self.buys = []
        self._plan_buys(day, traded)
        self.equity_curve.append(EquityPoint(day, self.cash, self._value(day), sum(self.spun_off.values())))

    def _apply_actions(self, column: int, j: int, day: date) -> None:
        run = self.runs[column]
        before = len(run.adjustments)
        run.apply_actions(j, day)
        booked = run.adjustments[before:]
        self.cash += sum(item.cash for item in booked)
        if any(item.kind == ActionKind.DEMERGER for item in booked):
            self.spun_off[column] = fold(run.fills, run.adjustments).spun_off
        if not run.holding.quantity:
            self.opened.pop(column, None)

    def _retry(self, day: date) -> None:
        """Do premarket-retry: cancel orders that the rules withdraw, then size and send the waiting ones, re-entries first."""
        self.buys = [buy for buy in self.buys if not self.runs[buy.column].withdrawn(buy.order)]
        waiting = [buy for buy in self.buys if not buy.sent]
        for buy in sorted(waiting, key=lambda buy: not buy.order.reentry):
            sizing = self.runs[buy.column].sized(buy.order, self._free())
            if sizing.quantity:
                buy.order = replace(buy.order, quantity=sizing.quantity)
                if not self._denied(buy, day - timedelta(days=1)):
                    buy.sent = True
                    self.sent += 1

    def _fit(self, bars: dict[int, int]) -> None:
        """Do amo-adjust: change quantities to fit the opening prices.

        Money of a cancelled order is not used for another order, because the task reads the funds only once.
        """
        free, kept = self._free(), []
        for buy in self.buys:
            if buy.sent and buy.column in bars:
                blocked = buy.blocked
                order = self.runs[buy.column].fitted(buy.order, bars[buy.column], free + blocked)
                if order is None:
                    continue
                buy.order = order
                free += blocked - buy.blocked
            kept.append(buy)
        self.buys = kept

    def _trade(self, column: int, j: int, session: Session, due: tuple[int, PlannedBuy] | None) -> bool:
        """Trade one symbol in a session. Return whether it had a fill. `due`: the number of its order and the order, or None."""
        run, day = self.runs[column], session.date
        held, before = run.holding.quantity, len(run.fills)
        run.trade(j, session, due[1] if due is not None else None)
        fills = run.fills[before:]
        if not fills:
            return False
        self.cash += sum(fill.quantity * fill.price * (1 if fill.side is Side.SELL else -1) for fill in fills)
        self.cash -= day_charges(day, fills, self.parameters.tariff).total
        earlier = () if session.settles else run.fills[:before]
        recent = sum(fill.quantity for fill in earlier if fill.side is Side.BUY and fill.session >= self.settled)
        self.unsettled += undelivered(fills, held, min(held, recent))
        if not run.holding.quantity:
            self.opened.pop(column, None)
        elif not held and due is not None:
            self.opened[column] = fills[0].at, due[0]
        return True

    # --- an evening

    def _plan_buys(self, day: date, traded: set[int]) -> None:
        """Plan the buys for the next run session. `traded`: columns with a fill on `day`.

        An order waits for the morning if funds are short or the next session is not a run session."""
        self.sent = 0
        wait = not self.ahead or not self.ahead[-1].runs
        for column, order in self._wanted(day, traded):
            run = self.runs[column]
            sizing = run.sized(order, self._free())
            short = sizing.short_of_funds
            if short:
                sizing = run.sized(order)
            buy = AccountBuy(column, replace(order, quantity=sizing.quantity), sent=False, tariff=self.parameters.tariff)
            if not sizing.quantity or self._denied(buy, day) is not None:
                continue
            self.buys.append(buy)
            if not (short or wait):
                buy.sent = True
                self.sent += 1

    def _wanted(self, day: date, traded: set[int]) -> Iterator[tuple[int, PlannedBuy]]:
        """Yield the buys that the rules want: re-entries, oldest position first, then the day's signals, best first."""
        for column in sorted(self.opened, key=self.opened.__getitem__):
            j = self._history(column).index(day)
            order = self.runs[column].wanted(j, day, traded=False) if j is not None else None
            if order is not None:
                yield column, order
        signalled = list(self.signals.get(day, ()))
        if self.shuffle is not None:
            self.shuffle(signalled)
        for column in signalled:
            j = self._history(column).index(day)
            if column not in self.opened and j is not None:
                order = self.runs[column].wanted(j, day, traded=column in traded)
                if order is not None:
                    yield column, order

    def _denied(self, buy: AccountBuy, closed: date) -> Refusal | None:
        """Return the refusal of a buy by a limit of the account; None if the buy is allowed.

        Prices are the closes of the session `closed`, or the last ones before.
        """
        context = self.candidates[buy.column].context
        order, history = buy.order, context.history
        instrument = context.instrument(order.session)
        last_close = int(history.close[history.last_index(closed)])
        name = history.instrument_id
        exposure = Exposure(
            positions=len({*self.opened, *(other.column for other in self.buys if other.sent)}),
            buy_orders=self.sent,
            invested={name: self._cost(buy.column)},
            loss=self._loss(closed),
        )
        return deny(
            exposure,
            self.parameters,
            instrument_id=name,
            price=order.limit,
            quantity=order.quantity,
            last_close=last_close,
            band=price_band(last_close, instrument.tick_size, derivatives=instrument.derivatives),
            reentry=order.reentry,
        )

    # --- the account

    def _free(self) -> Paise:
        """Return the money for new buys in paise: cash without blocked money and without sales of undelivered shares."""
        return max(0, self.cash - self.unsettled - sum(buy.blocked for buy in self.buys if buy.sent))

    def _value(self, closed: date) -> Paise:
        """Return the value of all shares in paise, at their last close up to a session."""
        return sum(
            self.runs[column].holding.quantity * int((history := self._history(column)).close[history.last_index(closed)])
            for column in self.opened
        )

    def _cost(self, column: int) -> Paise:
        """Return the cost of a symbol's held shares in paise, without charges."""
        run = self.runs[column]
        return fold(run.fills, run.adjustments).cost if column in self.opened else 0

    def _loss(self, closed: date) -> float:
        """Return the loss since the last session's close as a share of the equity at that close; 0 for a gain."""
        before = self.equity_curve[-1].equity if self.equity_curve else 0
        equity = self.cash + self._value(closed) + sum(self.spun_off.values())
        return max(0.0, (before - equity) / before) if before > 0 else 0.0

    def _history(self, column: int) -> History:
        return self.candidates[column].context.history


def undelivered(fills: Sequence[Fill], held: int, recent: int) -> Paise:
    """Return the proceeds of a session's sales of undelivered shares in paise.

    Shares bought in the session are sold first, then the oldest shares. `held`: shares before the session. `recent`: those of
    them that were bought since the last session with settlement.
    """
    bought, delivered, found = 0, held - recent, 0
    for fill in fills:
        if fill.side is Side.BUY:
            bought += fill.quantity
            continue
        today = min(fill.quantity, bought)
        old = min(fill.quantity - today, delivered)
        bought, delivered = bought - today, delivered - old
        found += (fill.quantity - old) * fill.price
    return found


def _by_session(candidates: Sequence[Candidate]) -> dict[date, list[int]]:
    """Return the indices of the candidates with a signal on each session, best first."""
    found: dict[date, list[tuple[tuple[int, float, str], int]]] = {}
    for column, item in enumerate(candidates):
        for j, ranked in item.signals.items():
            found.setdefault(item.context.history.session(j), []).append((ranked, column))
    return {session: [column for _, column in sorted(ranked)] for session, ranked in found.items()}
