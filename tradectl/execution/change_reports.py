"""Report what a reconciliation changed and what an order command did not reach: lines in the log, and messages to the user."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tradectl.execution.changes import Changes
from tradectl.ledger.book import Book
from tradectl.ledger.rows import Order
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.message_kind import MessageKind
from tradectl.model.money import rupees
from tradectl.model.order import OrderStatus


class ChangeReports(Struct, frozen=True):
    """Write the log lines and messages about orders.

    Attributes:
        log, notify: See `TradingSession`.
    """

    book: Book
    log: Callable[..., None]
    notify: Callable[[str, str, str, MessageKind], bool]

    def unknown(self, order: Order) -> None:
        """Log and send one message for an UNKNOWN order."""
        text = (
            f"{named(order)}: its outcome is unknown ({order.reason}). It may trade at the exchange, so the symbol is blocked. "
        )
        text += f"`tradectl orders resolve {order.id}` decides it"
        self._once(order, "the outcome of an order is unknown", text, "unknown", action="order_unknown", unknown=True)

    def changes(self, changes: Changes, may_repeat: Callable[[Order], bool]) -> None:
        """Log what a reconciliation changed, and send the messages about it.

        An UNKNOWN order that `may_repeat` returns True for is about to be sent again, and is not reported."""
        for order in changes.executed:
            self.log("order_executed", f"{traded(order)} executed", order.symbol)
        for order in (*changes.rejected, *changes.postponed):
            now = self.book.order(order.id)
            again = ", to be tried again before the open" if now.status is OrderStatus.RETRY_PENDING else ""
            text = f"{traded(order)} rejected{again}: {now.reason}"
            self.log("order_rejected", text, order.symbol, level="warning")
            self.notify(f"{order.symbol}: an order was rejected", text, f"rejected:{order.id}:{order.tag}", MessageKind.REJECTED)
        for order, word in changes.unread:
            text = f"{named(order)}: tradectl does not know the broker's status {word!r}. The order stays "
            text += f"{self.book.order(order.id).status}: check it in the broker's app"
            self._once(order, "an order has an unknown status", text, "word", f":{word}", action="order_word_unknown")
        for order in changes.cancelled:
            self.log("order_cancelled", f"{traded(order)} cancelled", order.symbol)
        for item in changes.external:
            trade = item.report
            text = f"{trade.side} {trade.quantity} {trade.symbol} at {rupees(trade.price)} was traded outside tradectl"
            text += "; `tradectl positions` shows what is held"
            self.log("external_trade", text, trade.symbol, level="warning")
            self.notify(
                f"{trade.symbol} was traded outside tradectl", text, f"external:{trade.trade_id}", MessageKind.ORDER_PROBLEM
            )
        for order in map(self.book.order, [item.id for item in changes.counted]):
            text = f"{traded(order)}, broker order {order.broker_order_id}: missing in the ledger or recorded as refused; it "
            text += f"counts as order {order.id} from now on"
            self._once(order, "a lost order was found at the broker", text, "counted", action="order_counted")
        for order in changes.doubted:
            if not may_repeat(order):
                self.unknown(order)
        for order in changes.unexplained:
            text = f"{traded(order)}, broker order {order.broker_order_id}: {order.reason}. "
            text += f"Nothing is sent for {order.symbol} until you decide: `tradectl orders adopt {order.id}`"
            self._once(
                order, "an order is not explained by the ledger", text, "unexplained", action="order_unexplained", unknown=True
            )

    def not_changed(self, snapshot: Snapshot, requested: dict[int, tuple[int, int]]) -> None:
        """Log each live order that the broker accepted to change and that its book shows unchanged."""
        for order in snapshot.orders:
            quantity, price = requested.get(order.id, (order.quantity, order.price))
            if (order.quantity, order.price) != (quantity, price) and order.alive:
                wanted, has = f"{quantity} at {price / 100:.2f}", f"{order.quantity} at {order.price / 100:.2f}"
                text = f"{order.side} {order.symbol}, order {order.id}: {wanted} was requested, the broker has {has}"
                self.log("order_not_changed", text, order.symbol, level="warning")
        requested.clear()

    def reopened(self, order: Order) -> None:
        """Report an order that counted as ended and is at the exchange after all."""
        text = f"{named(order)}: it counted as ended and is live at the exchange. tradectl cancels it"
        self._once(order, "an order that counted as ended is live", text, "reopened", action="order_reappeared", level="error")

    def not_cancelled(self, order: Order, reason: str) -> None:
        """Report once that a cancel could not be sent."""
        text = f"{named(order)}, is not cancelled and may trade: {reason}. `tradectl orders cancel {order.id}` tries again"
        self._once(order, "an order is not cancelled", text, "not_cancelled", action="order_not_cancelled", level="error")

    def _once(
        self,
        order: Order,
        title: str,
        text: str,
        key: str,
        more: str = "",
        *,
        action: str,
        level: str = "warning",
        unknown: bool = False,
    ) -> None:
        """Send one message about an order, and log it where the message is new.

        Args:
            title: What is wrong; the symbol comes before it.
            key, more: With the order, they tell whether the message was sent before.
            unknown: The outcome of the order is not known: a graver kind of message, and an error in the log.
        """
        kind = MessageKind.UNKNOWN_ORDER if unknown else MessageKind.ORDER_PROBLEM
        if self.notify(f"{order.symbol}: {title}", text, f"{key}:{order.id}:{order.tag}{more}", kind):
            self.log(action, text, order.symbol, level="error" if unknown else level)


def traded(order: Order) -> str:
    """Return what an order trades: `BUY 10 INFY`."""
    return f"{order.side} {order.quantity} {order.symbol}"


def named(order: Order) -> str:
    """Return what an order trades, with its id: `BUY 10 INFY, order 7`."""
    return f"{traded(order)}, order {order.id}"
