"""What an account shows: reports of orders and trades, made again only for what has changed."""

from __future__ import annotations

from tradectl.brokers.paper.account import REMEMBERED, AccountChanges, ExchangeAccount, ExchangeOrder, ExchangeTrade
from tradectl.model.order import Funds, Holding, OrderReport, TradeReport


class Views:
    """The visible book. `holdings` and `funds` are set by the broker."""

    def __init__(self) -> None:
        self.holdings: tuple[Holding, ...] | None = None
        self.funds: Funds | None = None
        self._anew = True
        self._changed: dict[str, ExchangeOrder] = {}
        self._traded = False
        self._reports: dict[str, OrderReport] = {}
        self._orders: tuple[OrderReport, ...] = ()
        self._trades: tuple[TradeReport, ...] = ()

    def changed(self, changes: AccountChanges | None = None, *, shares: bool = True, anew: bool = True) -> None:
        """Note that the account has changed. `shares`: its lots too, or the day, without which holdings stay what they are.
        `anew`: more than `changes` may differ; what is too old to be shown is dropped."""
        if shares:
            self.holdings = None
        self.funds = None
        self._anew = self._anew or anew or changes is None
        if changes is not None:
            self._changed |= changes.orders
            self._traded = self._traded or bool(changes.trades)

    def orders(self, book: ExchangeAccount) -> tuple[OrderReport, ...]:
        self._renew(book)
        return self._orders

    def trades(self, book: ExchangeAccount) -> tuple[TradeReport, ...]:
        self._renew(book)
        return self._trades

    def _renew(self, book: ExchangeAccount) -> None:
        since = book.settled_at - REMEMBERED
        if self._anew:
            shown = [order for order in book.orders.values() if order.updated_at >= since or book.shows(order, since)]
            self._reports = {order.order_id: _report(order) for order in shown}
        elif self._changed:
            self._reports |= {order_id: _report(order) for order_id, order in self._changed.items()}
        if self._anew or self._traded:
            trades = tuple(_execution(trade) for trade in book.trades if trade.at >= since or trade.order_id in book.kept)
            self._trades = self._trades if trades == self._trades else trades
        if self._anew or self._changed:
            orders = tuple(self._reports.values())
            self._orders = self._orders if orders == self._orders else orders
        self._anew, self._traded = False, False
        self._changed.clear()


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
        variety=order.variety,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
    )


def _execution(trade: ExchangeTrade) -> TradeReport:
    return TradeReport(trade.trade_id, trade.order_id, trade.symbol, trade.side, trade.quantity, trade.price, trade.at)
