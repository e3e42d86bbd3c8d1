"""Match the orders at an exchange with those of the ledger where the broker has no tag.

The ledger knows an order by the broker's id, or calls it UNKNOWN. An order at the exchange with the same terms may be the
UNKNOWN one. One that ended there without a trade may also be an order that ended in the ledger. An order that is left over was
sent more often than the ledger knows, or the program did not send it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from tradectl.ledger.rows import Order
from tradectl.model.moment import ist_date
from tradectl.model.order import TERMINAL, OrderReport, OrderStatus, Side

Terms = tuple[date, str, Side, int, int]
"""Session, symbol, side, quantity and price of an order."""


def tagged(reports: Sequence[OrderReport], ours: Sequence[Order]) -> Iterator[OrderReport]:
    """Return the exchange's orders under the tags of the ledger's orders, each tag once.

    An order that nothing explains gets the tag of another order of its symbol and side, which is then there twice. Without one
    it gets its own id, which the ledger does not know.
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
    """Return the tag of the order in `doubts` that has the same terms, and remove it from them; empty without one."""
    its_terms: Terms = ist_date(report.placed_at), report.symbol, report.side, report.quantity, report.price
    for order in doubts:
        if (order.session, order.symbol, order.side, order.quantity, order.price) == its_terms:
            doubts.remove(order)
            return order.tag
    return ""
