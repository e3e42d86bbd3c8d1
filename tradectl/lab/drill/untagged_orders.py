"""Match the orders at an exchange with those of the ledger, for a broker without tags.

The ledger has an order's broker order id, or the order is UNKNOWN. An order at the exchange with the terms of an UNKNOWN order
may be that order. An order that ended at the exchange without a trade may also be an order that ended in the ledger. A remaining
order was sent more often than the ledger records, or the program did not send it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec.structs import replace

from tradectl.ledger.rows import Order
from tradectl.model.moment import ist_date
from tradectl.model.order import TERMINAL, OrderReport, OrderStatus, Side

Terms = tuple[date, str, Side, int, int]
"""Session, symbol, side, quantity and price of an order."""


def tagged(reports: Sequence[OrderReport], ours: Sequence[Order]) -> Iterator[OrderReport]:
    """Yield the exchange's orders with the tags of the ledger's orders, each tag once.

    An unexplained order gets the tag of another order of the same date, symbol and side, so that this tag appears twice. If there
    is no such order, it gets its broker order id as tag, which the ledger does not contain.
    """
    known = {order.broker_order_id: order.tag for order in ours if order.broker_order_id is not None}
    nameless = [order for order in ours if order.broker_order_id is None]
    doubts = [order for order in nameless if order.status is OrderStatus.UNKNOWN]
    ended = [order for order in nameless if order.status in TERMINAL]
    taken: dict[tuple[date, str, Side], str] = {}
    for report in sorted(reports, key=lambda report: report.broker_order_id not in known):
        tag = known.get(report.broker_order_id) or _explained(report, doubts)
        if not tag and not report.counts:
            tag = _explained(report, ended)
        kind = ist_date(report.placed_at), report.symbol, report.side
        if tag:
            taken.setdefault(kind, tag)
        yield replace(report, tag=tag or taken.get(kind, f"#{report.broker_order_id}"))


def _explained(report: OrderReport, doubts: list[Order]) -> str:
    """Remove the first order with the same terms from `doubts` and return its tag; empty if there is none."""
    its_terms: Terms = ist_date(report.placed_at), report.symbol, report.side, report.quantity, report.price
    for order in doubts:
        if (order.session, order.symbol, order.side, order.quantity, order.price) == its_terms:
            doubts.remove(order)
            return order.tag
    return ""
