"""Build the reports of an account's orders and trades. Only changed orders are converted again."""

from __future__ import annotations

from tradectl.brokers.paper.account import REMEMBERED, AccountChanges, ExchangeAccount, ExchangeOrder, ExchangeTrade
from tradectl.model.order import Funds, Holding, OrderReport, TradeReport


class Views:
    """Cache the reports of an account: `orders` and `trades` of the last 10 days.

    The broker sets `holdings` and `funds`; None means that they must be computed again.
    """

    def __init__(self) -> None:
        self.orders: tuple[OrderReport, ...] = ()
        self.trades: tuple[TradeReport, ...] = ()
        self.holdings: tuple[Holding, ...] | None = None
        self.funds: Funds | None = None
        self._reports: dict[str, OrderReport] = {}

    def read(self, book: ExchangeAccount) -> None:
        """Rebuild all reports after the account was read from the file or a session started. Old reports are dropped."""
        since = book.settled_at - REMEMBERED
        shown = (order for order in book.orders.values() if book.shows(order, since))
        self._reports = {order.order_id: _report(order) for order in shown}
        self.holdings, self.funds = None, None
        self._show_orders()
        self._show_trades(book)

    def changed(self, book: ExchangeAccount, changes: AccountChanges) -> None:
        """Update the reports with the changes of the account."""
        self.funds = None
        if changes.lots:
            self.holdings = None
        if changes.orders:
            self._reports |= {order_id: _report(order) for order_id, order in changes.orders.items()}
            self._show_orders()
        if changes.trades:
            self._show_trades(book)

    def _show_orders(self) -> None:
        orders = tuple(self._reports.values())
        self.orders = self.orders if orders == self.orders else orders

    def _show_trades(self, book: ExchangeAccount) -> None:
        since = book.settled_at - REMEMBERED
        trades = tuple(_execution(trade) for trade in book.trades if trade.at >= since or trade.order_id in book.kept)
        self.trades = self.trades if trades == self.trades else trades


def _report(order: ExchangeOrder) -> OrderReport:
    return OrderReport(
        broker_order_id=order.order_id,
        tag=order.tag,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        price=order.price,
        filled_quantity=order.filled,
        status=order.status,
        reason=order.reason,
        out_of_auction=order.out_of_auction,
        variety=order.variety,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
    )


def _execution(trade: ExchangeTrade) -> TradeReport:
    return TradeReport(trade.trade_id, trade.order_id, trade.symbol, trade.side, trade.quantity, trade.price, trade.at)
