"""Queue a message for each buy that was placed and for each order that filled, in the transaction that records it.

A simulation queues none: its operator reads its report.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.ledger.rows import NewTrade, Order, OrderChange
from tradectl.model.message_kind import MessageKind
from tradectl.model.money import Paise, rupees
from tradectl.model.order import OrderStatus, Purpose, Side

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger


_ACCEPTED = frozenset({OrderStatus.PENDING, OrderStatus.ONGOING, OrderStatus.EXECUTED})


class SaleResult(Struct, frozen=True):
    """The result of what an order has sold so far, first in, first out (paise): gross, charges of both sides, net."""

    gross: Paise
    charges: Paise
    net: Paise


class TradeMessages(Struct, frozen=True):
    """The messages about the trades of one user. Call each method inside the transaction of its event."""

    ledger: Ledger
    task: str = ""

    def placed(self, order: Order, now: datetime) -> None:
        """Queue the message about a buy that the broker has accepted; a sell that rests at its target is no news."""
        if order.side is not Side.BUY:
            return
        title = f"BUY {order.quantity} {order.symbol} at {rupees(order.price)} is placed"
        body = (
            f"Order {order.id} for {order.session} may cost up to {rupees(order.quantity * order.price)} and charges. "
            f"`tradectl orders show {order.id}` shows it."
        )
        self.ledger.outbox.add(now, title, body, f"placed:{order.id}:{order.tag}", kind=MessageKind.BUY_PLACED)

    def followed(self, changes: Iterable[OrderChange], trades: Iterable[NewTrade], now: datetime) -> None:
        """Queue a message about each order that was found at the broker without a reply to its sending, and each that filled.

        The message about a fill has all that the order has filled so far."""
        for change in changes:
            if change.order.broker_order_id is None and change.status in _ACCEPTED:
                self.placed(change.order, now)
        for order in {item.order.id: item.order for item in trades if item.order is not None}.values():
            if order.purpose is not Purpose.UNIDENTIFIED:
                self._filled(order, now)

    def _filled(self, order: Order, now: datetime) -> None:
        rows = self.ledger.book.order_fills(order.id)
        quantity, value = sum(row.quantity for row in rows), sum(row.quantity * row.price for row in rows)
        if not quantity:
            return
        of = f"{quantity} of {order.quantity}" if quantity < order.quantity else f"{quantity}"
        average = rupees((2 * value + quantity) // (2 * quantity))
        charges = sum(row.charges for row in rows)
        if order.side is Side.BUY:
            kind, title = MessageKind.BUY_FILLED, f"Bought {of} {order.symbol} at {average}"
            body = f"The shares cost {rupees(value)} and {rupees(charges)} charges. `tradectl positions` shows them."
        else:
            result = self._result({str(row.id) for row in rows}, {row.position_id for row in rows})
            kind, title = MessageKind.SELL_FILLED, f"Sold {of} {order.symbol} at {average}: net {rupees(result.net)}"
            body = (
                f"Gross {rupees(result.gross)}, charges {rupees(result.charges)}, net {rupees(result.net)}. "
                "`tradectl positions --closed` shows closed positions."
            )
        if self.ledger.outbox.add(now, title, body, f"filled:{order.id}:{order.tag}:{quantity}", kind=kind):
            self.ledger.logs.append(now, "info", str(kind), f"{title}. {body}", task=self.task, symbol=order.symbol)

    def _result(self, fills: set[str], positions: set[int | None]) -> SaleResult:
        """Return the result of the sales by these fills of these positions."""
        sold = [
            trade
            for position in sorted(item for item in positions if item is not None)
            for trade in self.ledger.book.folded(position).trades
            if trade.exit_fill in fills
        ]
        return SaleResult(*(sum(getattr(trade, name) for trade in sold) for name in ("gross", "charges", "net")))
