"""Show the caller an order book whose rows are late, doubled, shuffled, missing or rejected.

A late row is the state of the order some time ago. The delay is drawn once for each order, so a row never goes back in time. A
result is cached until one of its sources changes, or a late row becomes current.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Generic, TypeVar

from msgspec.structs import replace

from tradectl.lab.faults.in_flight import EarlierRow
from tradectl.lab.faults.kinds import APART, SLOW, SLOW_AND_LATE, SLOWER, Draws, Fault
from tradectl.model.moment import at_ist, ist_date
from tradectl.model.order import TERMINAL, OrderReport, OrderStatus, Side, TradeReport, Variety

T = TypeVar("T", OrderReport, TradeReport)

REJECTION = "rejected by the exchange after it was accepted"
FOR_FUNDS = "RMS:Margin Exceeds, found after the order was accepted"
"""The reason of a rejection for lack of funds. Every adapter recognises this text as a temporary refusal."""
AT_ONCE = timedelta(seconds=5)
"""An order counts as rejected, not cancelled, if it ended within this time of its placement."""
HALF = 0.5
LAGS = frozenset({Fault.SLOW_BOOK, Fault.SLOWER_BOOK})
DISTORTS = LAGS | {Fault.DUPLICATE_REPORTS, Fault.REPORTS_OUT_OF_ORDER, Fault.REJECTED_LATER, Fault.BOOK_EMPTIED, Fault.VANISHED}
"""The faults that change what the order book shows."""
_LONGEST = timedelta(seconds=SLOWER[1])
_NO_TIME = timedelta(0)
_NEVER = datetime.max.replace(tzinfo=UTC)
_S = OrderStatus


class _LastResult(Generic[T]):
    """The last result for orders or trades. With equal rows, the same object is returned again."""

    def __init__(self) -> None:
        self.rows: Sequence[T] = ()
        self._sources: tuple[object, ...] = ()
        self._at = self._until = _NEVER

    def holds(self, sources: tuple[object, ...], now: datetime) -> bool:
        """Return whether the cached rows are still valid for these sources at this moment."""
        same = len(sources) == len(self._sources) and all(a is b for a, b in zip(sources, self._sources, strict=True))
        return same and self._at <= now and (now == self._at or now < self._until)

    def renew(self, rows: Sequence[T], sources: tuple[object, ...], now: datetime, until: datetime) -> Sequence[T]:
        """Cache rows that are valid until a moment; return them, or the equal rows from before."""
        self._sources, self._at, self._until = sources, now, until
        if self.rows != rows:
            self.rows = rows
        return self.rows


class BookView:
    """The order and trade book as the caller sees it. `hits` counts the rows that each fault has changed."""

    def __init__(self, faults: Collection[Fault], chance: Draws, hits: Counter[Fault]) -> None:
        self._faults = DISTORTS.intersection(faults)
        self._slow = next((fault for fault in (Fault.SLOWER_BOOK, Fault.SLOW_BOOK) if fault in faults), None)
        self._span = SLOWER if self._slow is Fault.SLOWER_BOOK else SLOW_AND_LATE if Fault.REQUEST_LATE in faults else SLOW
        self._apart = Fault.REPORTS_OUT_OF_ORDER in faults
        self._chance = chance
        self._hits = hits
        self._orders: _LastResult[OrderReport] = _LastResult()
        self._trades: _LastResult[TradeReport] = _LastResult()

    @property
    def lags(self) -> bool:
        """Return whether rows may show the state before one of our commands."""
        return self._slow is not None

    def orders(
        self, reports: Sequence[OrderReport], trades: Sequence[TradeReport], before: Sequence[EarlierRow], now: datetime
    ) -> Sequence[OrderReport]:
        """Return the order book as the caller sees it now; `reports` itself if no fault changes it."""
        if not self._faults:
            return reports
        sources = reports, trades, before
        if self._orders.holds(sources, now):
            return self._orders.rows
        midnight, until = self._day(now)
        shown = []
        for report in map(self._rejected, reports):
            if midnight is not None and report.status in TERMINAL and report.updated_at < midnight:
                self._hits[Fault.BOOK_EMPTIED] += 1
                continue
            if self._vanished(report):
                continue
            if now - report.updated_at >= _LONGEST or not (self._slow or self._apart):
                shown.append(report)
                continue
            row, changes_at = self._late(report, trades, before, now)
            until = min(until, changes_at)
            if row is not None:
                shown.append(row)
        return self._orders.renew(self._arranged(shown, "orders", now), sources, now, until)

    def trades(self, trades: Sequence[TradeReport], now: datetime) -> Sequence[TradeReport]:
        """Return the trades as the caller sees them now."""
        if not self._faults:
            return trades
        sources = (trades,)
        if self._trades.holds(sources, now):
            return self._trades.rows
        midnight, until = self._day(now)
        shown = []
        for trade in trades:
            if midnight is not None and trade.at < midnight:
                self._hits[Fault.BOOK_EMPTIED] += 1
                continue
            fault, lag = self._trade_lag(trade) if now - trade.at < _LONGEST else (None, _NO_TIME)
            if fault is None or trade.at + lag <= now:
                shown.append(trade)
            else:
                self._hits[fault] += 1
                until = min(until, trade.at + lag)
        return self._trades.renew(self._arranged(shown, "trades", now), sources, now, until)

    def rejects(self, order_id: str) -> bool:
        """Return whether the order accepted under this id is rejected afterwards."""
        return Fault.REJECTED_LATER in self._faults and self._chance.hits(Fault.REJECTED_LATER, order_id)

    def _day(self, now: datetime) -> tuple[datetime | None, datetime]:
        """Return the moment before which an emptied book shows nothing, and until when a result may be cached.

        The first is None if the book shows everything. Shuffled rows are in another sequence at each moment.
        """
        until = now if self._apart else _NEVER
        if Fault.BOOK_EMPTIED not in self._faults:
            return None, until
        midnight = at_ist(ist_date(now), time(0))
        return midnight, min(until, midnight + timedelta(days=1))

    def _vanished(self, report: OrderReport) -> bool:
        """Return whether the book omits this cancelled sell."""
        ended = report.side is Side.SELL and report.status is _S.CANCELLED and Fault.VANISHED in self._faults
        return ended and self._chance.hits(Fault.VANISHED, report.symbol, ist_date(report.placed_at))

    def _rejected(self, report: OrderReport) -> OrderReport:
        """Return an order with status REJECTED, not CANCELLED, if `rejects` selects it; half of the buys for lack of funds."""
        taken_back = report.status is _S.CANCELLED and not report.filled_quantity
        if taken_back and report.updated_at - report.placed_at < AT_ONCE and self.rejects(report.broker_order_id):
            self._hits[Fault.REJECTED_LATER] += 1
            drawn = self._chance.fraction(Fault.REJECTED_LATER, "funds", report.broker_order_id)
            funds = report.side is Side.BUY and drawn < HALF
            return replace(report, status=_S.REJECTED, reason=FOR_FUNDS if funds else REJECTION, passing=funds)
        return report

    def _late(
        self, report: OrderReport, trades: Sequence[TradeReport], before: Sequence[EarlierRow], now: datetime
    ) -> tuple[OrderReport | None, datetime]:
        """Return a recent order's row as the caller sees it now, and the moment at which it changes. None: not shown yet."""
        mine = [trade for trade in trades if trade.broker_order_id == report.broker_order_id]
        changed = [row for row in before if row.order_id == report.broker_order_id]
        fault, lag = self._slow, self._lag(report.broker_order_id)
        moments = [report.placed_at, report.updated_at, *(trade.at for trade in mine), *(row.at for row in changed)]
        row: OrderReport | None = None
        if report.placed_at + lag <= now:
            if mine and mine[-1].at == report.updated_at and self._apart and self._comes_after_its_trades(report):
                longer = self._chance.span(APART, Fault.REPORTS_OUT_OF_ORDER, "order", report.broker_order_id)
                fault, lag = (Fault.REPORTS_OUT_OF_ORDER, longer) if longer > lag else (fault, lag)
            row = as_of(report, mine, changed, now - lag)
        if row is not report and fault:
            self._hits[fault] += 1
        return row, min((moment + lag for moment in moments if moment + lag > now), default=_NEVER)

    def _lag(self, order_id: str) -> timedelta:
        """Return the delay of the book for an order."""
        return self._chance.span(self._span, self._slow, order_id) if self._slow else _NO_TIME

    def _comes_after_its_trades(self, report: OrderReport) -> bool:
        return self._chance.hits(Fault.REPORTS_OUT_OF_ORDER, "order", report.broker_order_id, "last")

    def _trade_lag(self, trade: TradeReport) -> tuple[Fault | None, timedelta]:
        fault, lag = self._slow, self._lag(trade.broker_order_id)
        if self._apart and self._chance.hits(Fault.REPORTS_OUT_OF_ORDER, "trade", trade.trade_id, "late"):
            longer = self._chance.span(APART, Fault.REPORTS_OUT_OF_ORDER, "trade", trade.trade_id)
            return (Fault.REPORTS_OUT_OF_ORDER, longer) if longer > lag else (fault, lag)
        return fault, lag

    def _arranged(self, rows: list[T], kind: str, now: datetime) -> tuple[T, ...]:
        """Return the rows doubled and shuffled, as the faults require."""
        if Fault.DUPLICATE_REPORTS in self._faults:
            self._hits[Fault.DUPLICATE_REPORTS] += len(rows)
            rows = rows * 2
        if self._apart and len(rows) > 1:
            self._hits[Fault.REPORTS_OUT_OF_ORDER] += len(rows)
            Random(self._chance.number(Fault.REPORTS_OUT_OF_ORDER, kind, now)).shuffle(rows)
        return tuple(rows)


def as_of(report: OrderReport, trades: Sequence[TradeReport], before: Sequence[EarlierRow], moment: datetime) -> OrderReport:
    """Return the state of an order at a moment after it was placed; the same object if the order has not changed since.

    `trades` and `before` belong to the order, oldest first. A change by the exchange (release, fill, end) is calculated back. A
    change by a command is undone from the stored earlier row.
    """
    if report.updated_at <= moment:
        return report
    filled = sum(trade.quantity for trade in trades if trade.at <= moment)
    updated_at = max((trade.at for trade in trades if trade.at <= moment), default=report.placed_at)
    kept = next((row for row in before if row.at > moment), None)
    if kept is not None:
        return replace(
            report, quantity=kept.quantity, price=kept.price, status=kept.status, filled_quantity=filled, reason="",
            updated_at=kept.updated_at, passing=False,
        )  # fmt: skip
    waiting = (
        report.variety is Variety.AMO and not report.filled_quantity and report.status in {_S.PENDING, _S.ONGOING, _S.REJECTED}
    )
    status = _S.PENDING if waiting else _S.ONGOING
    return replace(report, status=status, filled_quantity=filled, reason="", updated_at=updated_at, passing=False)
