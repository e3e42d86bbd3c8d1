"""The desk of one run: the broker, the book and the order path behind one claim, with fresh prices and proven quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from tradectl.execution import reconcile
from tradectl.execution.orders import OrderPath
from tradectl.execution.reconcile import Changes, OpenOf
from tradectl.ledger.book import Book, Snapshot
from tradectl.ledger.rows import Order, Position
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus, Side
from tradectl.ports import Broker, Clock, MarketData

Log = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a task trades through. `log(action, message, symbol=…)` writes to the user's log; `tell(title, body, key)` also
    sends a message, one for each key."""

    broker: Broker
    book: Book
    market: MarketData
    clock: Clock
    path: OrderPath
    log: Log
    tell: Callable[[str, str, str], None]
    dry_run: bool = False

    @property
    def snapshot(self) -> Snapshot:
        return self.book.snapshot()

    def reconcile(self, open_of: OpenOf = lambda _: None) -> Changes:
        """Make the book follow the broker, decide about interrupted sends, apply corporate actions; log what changed. A demerger
        of today is applied by those who can tell the day's open."""
        if self.dry_run:
            return Changes()
        changes = Changes()
        ex_date = reconcile.first_action(self.book, self.snapshot, self.market, self.clock)
        if ex_date is not None:  # trades from before the ex-date come first, those after it meet the changed shares
            changes.take(reconcile.follow(self.book, self.broker, self.market, self.clock, before=ex_date))
            self._apply_actions(changes, self.snapshot, open_of)
        changes.take(reconcile.follow(self.book, self.broker, self.market, self.clock))
        snapshot = self.snapshot
        for order in reconcile.resolve(self.book, snapshot, self.broker, self.clock, execution_id=self.path.execution_id):
            text = f"{order.side} {order.quantity} {order.symbol}: nobody knows what became of it"
            self.log("order_unknown", text, order.symbol, level="error")
        self._report(changes)
        self._apply_actions(changes, snapshot, open_of)
        return changes

    def open_of(self, position: Position) -> int | None:
        """The day's open of a position (paise); None while it has not traded today, whatever yesterday's quote says."""
        quote = self.broker.quotes([position.symbol]).get(position.symbol)
        if quote is None or quote.last_trade_at is None or ist_date(quote.last_trade_at) != ist_date(self.clock.now()):
            return None
        return quote.open

    def _apply_actions(self, changes: Changes, snapshot: Snapshot, open_of: OpenOf) -> None:
        for line in reconcile.apply_actions(self.book, snapshot, self.market, self.clock, open_of):
            changes.adjusted.append(line)
            self.log("corporate_action", line)

    def follow(self) -> Changes:
        """One polling pass over the broker's report, as after a set of commands."""
        if self.dry_run:
            return Changes()
        changes = reconcile.follow(self.book, self.broker, self.market, self.clock)
        self._report(changes)
        return changes

    def _report(self, changes: Changes) -> None:
        for order in changes.executed:
            self.log("order_executed", f"{order.side} {order.quantity} {order.symbol} executed", order.symbol)
        for order in changes.rejected:
            self.log("order_rejected", f"{order.side} {order.quantity} {order.symbol} rejected", order.symbol, level="warning")
        for order in changes.cancelled:
            self.log("order_cancelled", f"{order.side} {order.quantity} {order.symbol} cancelled", order.symbol)
        for item in changes.external:
            trade = item.report
            text = f"{trade.side} {trade.quantity} {trade.symbol} at {trade.price / 100:.2f} was traded outside tradectl"
            self.log("external_trade", text, trade.symbol, level="warning")
            self.tell(f"{trade.symbol} was traded by hand", text, f"external:{trade.trade_id}")

    def fresh_quotes(self, symbols: Iterable[str], max_age: timedelta) -> dict[str, Quote]:
        """Last prices young enough to act on; a stale one is left out, and so nothing is changed for it."""
        wanted = list(symbols)
        if not wanted:
            return {}
        limit = self.clock.now() - max_age - self.broker.capabilities.quote_delay
        return {symbol: quote for symbol, quote in self.broker.quotes(wanted).items() if quote.at >= limit}

    def sellable(self, position: Position, *, bought_today: int) -> int:
        """Shares of a position that may be sold now: never more than the book has, nor than the broker lets us sell.
        `bought_today` are shares that a trade-for-trade series keeps from being sold on the day they were bought."""
        shown = sum(item.sellable for item in self.broker.holdings() if item.symbol == position.symbol)
        return max(0, min(position.quantity - bought_today, shown))

    def cancel_confirmed(self, order: Order) -> bool:
        """Cancel and read back; True only when the broker's own book shows it ended."""
        answer = self.path.cancel(order)
        if not answer.ok:
            return False
        self.follow()
        return not self.book.order(order.id).alive

    def bought_on(self, instrument_id: str, session: date) -> int:
        """Shares of an instrument bought by us in a session."""
        return sum(
            row.quantity
            for row in self.book.fills(session=session, ours=True)
            if row.instrument_id == instrument_id and row.side == Side.BUY
        )

    def live(self, side: Side, session: date) -> list[Order]:
        """Unfinished orders of one side for a session that the broker knows or may know."""
        return [
            order
            for order in self.snapshot.orders
            if order.side is side and order.session == session and order.status is not OrderStatus.RETRY_PENDING
        ]
