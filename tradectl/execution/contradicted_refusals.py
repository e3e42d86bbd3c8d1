"""Find refusals that the broker's book contradicts, at a broker whose book has no tags.

A refusal can be wrong: the broker carried the order out. With tags the book shows it (`reconcile`). Without tags an unexplained
order of the book with the same terms may be the refused one. Then nothing is sent for its symbol until a person decides, because
an order by hand looks the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from tradectl.ledger.book import Book
from tradectl.ledger.intents import Overtaken
from tradectl.ledger.rows import Order
from tradectl.model.moment import ist_date
from tradectl.model.money import show_rupees
from tradectl.model.order import OrderReport, OrderStatus, ReasonCode, Side

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far a broker's clock may be behind ours."""


def doubt_refused(book: Book, reports: Sequence[OrderReport], now: datetime) -> list[Order]:
    """Set refused orders to UNKNOWN if an unexplained order of the broker's book may be theirs; return the changed orders.

    A report is explained by the order that has its id. Any other report matches at most one order: first an UNKNOWN order, then
    one that was refused, was given up or waits to be sent. A waiting order may be at the broker if an error was wrongly taken
    for "not sent". An order that a person has decided about is never reopened.
    """
    listed = {report.broker_order_id: report for report in reports if report.counts and not report.tag}
    opened: list[Order] = []
    for day in sorted({ist_date(report.placed_at) for report in listed.values()}):
        orders = book.orders(session=day)
        for order in orders:
            listed.pop(order.broker_order_id or "", None)
        nameless = [order for order in orders if order.broker_order_id is None and order.reason_code is not ReasonCode.DECIDED]
        if not nameless:
            continue
        unexplained = [report for report in listed.values() if ist_date(report.placed_at) == day]
        known = book.by_broker_ids(report.broker_order_id for report in unexplained)
        unexplained = [report for report in unexplained if report.broker_order_id not in known]
        for order in sorted(nameless, key=_is_given_up):
            report = _take(unexplained, order)
            if report is not None and _is_given_up(order):
                opened += _opened(book, order, report, now)
    return opened


def _is_given_up(order: Order) -> bool:
    """Return whether the ledger records an order as not being at the broker."""
    return order.status is not OrderStatus.UNKNOWN and not order.unanswered


def _opened(book: Book, order: Order, report: OrderReport, now: datetime) -> Iterable[Order]:
    """Set an order to UNKNOWN and return it; return nothing where another process has changed it meanwhile."""
    what = f"{report.broker_order_id}, {report.side} {report.quantity} {report.symbol} at {show_rupees(report.price)}"
    ended = f"it was {order.status}" + (f" ({order.reason})" if order.reason else "")
    reason = f"{ended}, and the broker's book has {what}, which may be this order"
    try:
        return [book.intents.reopen_as_unknown(order, reason, now, sending_at=order.sending_at or report.placed_at)]
    except Overtaken:
        return []


def _take(reports: list[OrderReport], order: Order) -> OrderReport | None:
    """Remove the first report that may be this order from `reports`, and return it."""
    found = next((report for report in reports if may_be_order(order, report)), None)
    if found is not None:
        reports.remove(found)
    return found


def may_be_order(order: Order, report: OrderReport) -> bool:
    """Return whether a report has all terms of an order and was placed after the order was sent.

    For an order that was never marked as sent, the moment of its record counts. A report that has traded may show its average
    price instead of its limit. Then any price that the limit allows agrees.
    """
    if report.placed_at < (order.sending_at or order.created_at) - CLOCK_TOLERANCE:
        return False
    if (report.symbol, report.side, report.quantity) != (order.symbol, order.side, order.quantity):
        return False
    if report.price == order.price or not report.filled_quantity:
        return report.price == order.price
    return report.price <= order.price if order.side is Side.BUY else report.price >= order.price
