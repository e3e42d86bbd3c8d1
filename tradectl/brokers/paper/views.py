"""Answers made from the book, kept until it changes: whoever gets the same object again knows that nothing happened."""

from __future__ import annotations

from tradectl.brokers.paper.book import REMEMBERED, Book, Order, Trade
from tradectl.model.order import Funds, Holding, OrderReport, TradeReport


class Views:
    """The visible book. `holdings` and `funds` are put in by who makes them."""

    def __init__(self) -> None:
        self.holdings: tuple[Holding, ...] | None = None
        self.funds: Funds | None = None
        self._stale = True
        self._orders: tuple[OrderReport, ...] = ()
        self._shown: list[Trade] = []
        self._trades: tuple[TradeReport, ...] = ()
        self._reports: dict[str, tuple[Order, OrderReport]] = {}

    def changed(self, *, shares: bool = True) -> None:
        """The book has changed; `shares`: its lots too, or the day, without which holdings stay what they are."""
        if shares:
            self.holdings = None
        self.funds = None
        self._stale = True

    def orders(self, book: Book) -> tuple[OrderReport, ...]:
        self._renew(book)
        return self._orders

    def trades(self, book: Book) -> tuple[TradeReport, ...]:
        self._renew(book)
        return self._trades

    def _renew(self, book: Book) -> None:
        if not self._stale:
            return
        since = book.settled_at - REMEMBERED
        kept = self._reports
        self._reports = {}
        for order in book.orders.values():
            if order.updated_at >= since or book.shows(order, since):
                known = kept.get(order.order_id)
                self._reports[order.order_id] = known if known and known[0] is order else (order, _report(order))
        orders = tuple(report for _, report in self._reports.values())
        self._orders = self._orders if orders == self._orders else orders
        shown = [trade for trade in book.trades if trade.at >= since or trade.order_id in book.kept]
        if shown != self._shown:  # trades are compared one by one, and most are the very same objects
            self._shown, self._trades = shown, tuple(map(_execution, shown))
        self._stale = False


def _report(order: Order) -> OrderReport:
    return OrderReport(
        order.order_id, order.tag, order.symbol, order.side, order.quantity, order.price, order.filled, order.status,
        order.reason, order.variety, order.placed_at, order.updated_at,
    )  # fmt: skip


def _execution(trade: Trade) -> TradeReport:
    return TradeReport(trade.trade_id, trade.order_id, trade.symbol, trade.side, trade.quantity, trade.price, trade.at)
