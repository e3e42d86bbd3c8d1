"""Group a trade history by period, symbol, purpose or strategy, so that the sums of the groups are the sums of the whole.

A trade belongs to the day of its sale, with the charges of both sides: those of its buy wait until its shares are sold. So no
charge is counted twice, and the net of a day is that of `eod`. `paid` counts the same charges a second way, on the day of their
fill, as the contract notes do; it is not part of the net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.accounts.charge_lines import ChargeLines, summed
from tradectl.accounts.charged_trades import ChargedFill, ClosedTrade, OpenLot
from tradectl.accounts.periods import Length, Period, period_of
from tradectl.accounts.trade_history import Credit, TradeHistory
from tradectl.model.money import Paise, to_rupees

if TYPE_CHECKING:
    from tradectl.ledger.statistics import DayStatistics

SYMBOL, PURPOSE, STRATEGY, TOTAL = "symbol", "purpose", "strategy", "total"
BY = (*map(str, Length), SYMBOL, PURPOSE, STRATEGY)
"""What profit and loss can be grouped by."""


@dataclass(slots=True)
class Group:
    """The trades (by sale), fills (by trade date) and credits (by ex-date) of a period, a symbol, a purpose or a whole span.

    Attributes:
        lots: The lots held at the end of the span, for a symbol or a whole span.
        day: The last statistics of `eod` in the period. `before`: the last ones before the period.
    """

    key: str
    period: Period | None = None
    trades: list[ClosedTrade] = field(default_factory=list)
    fills: list[ChargedFill] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    lots: list[OpenLot] = field(default_factory=list)
    day: DayStatistics | None = None
    before: DayStatistics | None = None

    @property
    def gross(self) -> Paise:
        """Return proceeds less cost of the trades, before charges."""
        return sum(item.trade.gross for item in self.trades)

    @property
    def cost(self) -> Paise:
        """Return the cost of the shares that the trades sold, without charges."""
        return sum(item.trade.cost for item in self.trades)

    @property
    def charges(self) -> ChargeLines:
        """Return the charges of both sides of the trades."""
        return summed(item.lines for item in self.trades)

    @property
    def net(self) -> Paise:
        """Return the result of the trades after charges."""
        return sum(item.trade.net for item in self.trades)

    @property
    def paid(self) -> ChargeLines:
        """Return the charges of the fills, of our shares alone."""
        return summed(item.booked_lines for item in self.fills)

    @property
    def paid_outside(self) -> Paise:
        """Return the charges of shares that were traded outside tradectl and are in no position of it."""
        return sum(item.lines.total - item.booked_lines.total for item in self.fills)

    @property
    def dividends(self) -> Paise:
        """Return the dividends with ex-dates in the period."""
        return sum(item.dividend for item in self.credits)

    @property
    def cash_in_lieu(self) -> Paise:
        """Return the cash for fractions of shares."""
        return sum(item.cash_in_lieu for item in self.credits)


class Span(Struct, frozen=True):
    """The days of a report, both ends included, and its only instrument (empty: all)."""

    first: date = date.min
    last: date = date.max
    instrument_id: str = ""

    def contains(self, day: date, instrument_id: str) -> bool:
        """Return whether something of a day and an instrument belongs to the report."""
        return self.first <= day <= self.last and self.instrument_id in {"", instrument_id}


def whole_of(history: TradeHistory, span: Span, days: Sequence[DayStatistics]) -> Group:
    """Return everything in a span as one group. `days`: all statistics, the oldest first."""
    return Group(
        TOTAL,
        None,
        [item for item in history.trades if span.contains(item.trade.exit_session, item.instrument_id)],
        [item for item in history.fills if span.contains(item.session, item.instrument_id)],
        [item for item in history.credits if span.contains(item.ex_date, item.instrument_id)],
        [item for item in history.lots if span.instrument_id in {"", item.instrument_id}],
        next((day for day in reversed(days) if span.first <= day.session_date <= span.last), None),
        next((day for day in reversed(days) if day.session_date < span.first), None),
    )


def by_period(
    whole: Group, days: Iterable[DayStatistics], length: Length, counted_on: Callable[[date], date] = lambda day: day
) -> list[Group]:
    """Return a group for each period with a trade, a fill, a credit or statistics, the oldest first.

    `days`: of the span. `counted_on`: returns the day to which what happened on a day belongs."""
    groups: dict[Period, Group] = {}

    def of(day: date) -> Group:
        period = period_of(counted_on(day), length)
        return groups.setdefault(period, Group(period.label, period))

    for trade in whole.trades:
        of(trade.trade.exit_session).trades.append(trade)
    for fill in whole.fills:
        of(fill.session).fills.append(fill)
    for credit in whole.credits:
        of(credit.ex_date).credits.append(credit)
    last = whole.before
    for day in days:
        group = of(day.session_date)
        group.day, group.before = day, last if group.day is None else group.before
        last = day
    return [groups[period] for period in sorted(groups)]


def by_symbol(whole: Group, history: TradeHistory) -> list[Group]:
    """Return a group for each instrument, by its newest symbol."""
    groups: dict[str, Group] = {}

    def of(instrument_id: str) -> Group:
        symbol = history.symbols[instrument_id]
        return groups.setdefault(symbol, Group(symbol))

    for trade in whole.trades:
        of(trade.instrument_id).trades.append(trade)
    for fill in whole.fills:
        of(fill.instrument_id).fills.append(fill)
    for credit in whole.credits:
        of(credit.instrument_id).credits.append(credit)
    for lot in whole.lots:
        of(lot.instrument_id).lots.append(lot)
    return [groups[key] for key in sorted(groups)]


def by_purpose(whole: Group) -> list[Group]:
    """Return a group of trades for each pair of purposes, such as `entry target`: why the shares were bought, and why sold."""
    groups: dict[str, Group] = {}
    for trade in whole.trades:
        key = f"{trade.entry.purpose} {trade.exit_purpose}"
        groups.setdefault(key, Group(key)).trades.append(trade)
    return [groups[key] for key in sorted(groups)]


def by_strategy(whole: Group, history: TradeHistory) -> list[Group]:
    """Return a group of trades and lots for each strategy that opened a position."""
    groups: dict[str, Group] = {}

    def of(position_id: int) -> Group:
        name = history.strategies[position_id]
        return groups.setdefault(name, Group(name))

    for trade in whole.trades:
        of(trade.position_id).trades.append(trade)
    for lot in whole.lots:
        of(lot.position_id).lots.append(lot)
    return [groups[key] for key in sorted(groups)]


def held_charges(history: TradeHistory, before: date, instrument_id: str = "") -> Paise:
    """Return the charges that were paid before a day for shares that were then still held.

    `before` is not date.min. So over any span: held before + paid = charges of the closed trades + held after.
    """
    span = Span(last=before - timedelta(days=1), instrument_id=instrument_id)
    whole = whole_of(history, span, ())
    return whole.paid.total - whole.charges.total


def differences(whole: Group, days: Sequence[DayStatistics], counted_on: Callable[[date], date]) -> list[str]:
    """Return one line for each figure of `eod` that the fills of its session do not give now. `days`: of the span.

    `eod` leaves out shares that a consolidation paid in cash, because no fill sold them. `counted_on`: returns the session in
    whose figures it counts a day; that of a special session is the run session after it.
    """
    by_day = {group.key: group for group in by_period(whole, days, Length.DAY, counted_on)}
    found: list[str] = []
    for day in days:
        group = by_day[day.session_date.isoformat()]
        sold = [item.trade.net for item in group.trades if item.exit is not None]
        figures = {
            "realised": (sum(sold), day.realised),
            "charges": (group.paid.total + group.paid_outside, day.charges),
            "dividends": (group.dividends, day.dividends),
        }
        found += [
            f"{day.session_date} {name}: {to_rupees(now)} by the fills, {to_rupees(then)} by eod"
            for name, (now, then) in figures.items()
            if now != then
        ]
        if len(sold) != day.trades:
            found.append(f"{day.session_date} trades: {len(sold)} by the fills, {day.trades} by eod")
    return found
