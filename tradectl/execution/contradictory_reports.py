"""Find readable rows of our own orders that contradict what was ordered.

Such a row is an odd row (`model.odd_rows`): it blocks its symbol, and no value of it is written to the book.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tradectl.exchange.bands import BAND_PERCENT
from tradectl.ledger.book import Book
from tradectl.ledger.rows import Order
from tradectl.model.odd_rows import OddRow, RowKind
from tradectl.model.order import ALIVE, OrderReport, Side, TradeReport, Variety

Pairs = list[tuple[OrderReport, Order]]


def split_contradictions(book: Book, ours: Pairs, trades: Sequence[TradeReport]) -> tuple[Pairs, tuple[OddRow, ...]]:
    """Return the reports that agree with our orders, and an odd row for each of the others."""
    if not ours:
        return ours, ()
    traded = _traded(trades)
    found: Pairs = []
    odd: list[OddRow] = []
    for report, order in ours:
        row = _contradiction(book, report, order, traded[report.broker_order_id])
        if row is None:
            found.append((report, order))
        else:
            odd.append(row)
    return found, tuple(odd)


def overfilled(book: Book, orders: Mapping[str, Order], trades: Sequence[TradeReport]) -> tuple[OddRow, ...]:
    """Return an odd row for each order that traded more shares than it can have.

    `orders`: our orders without a matching report, by broker order id."""
    traded = _traded(trades)
    return tuple(
        OddRow(RowKind.TRADE, order.symbol, "quantity", f"{traded[number]} traded, but {order.quantity} ordered", number)
        for number, order in orders.items()
        if traded[number] > max(order.quantity, _most(book, order))
    )


def _traded(trades: Sequence[TradeReport]) -> Counter[str]:
    """Return the shares traded by broker order id. A trade that is listed twice counts once."""
    found: Counter[str] = Counter()
    for trade in {trade.trade_id: trade for trade in trades}.values():
        found[trade.broker_order_id] += trade.quantity
    return found


def _contradiction(book: Book, report: OrderReport, order: Order, traded: int) -> OddRow | None:
    """Return the contradiction of a report: more shares than possible, more traded than ordered, or a limit of 0."""
    if report.quantity > order.quantity and report.quantity > _most(book, order):
        return _odd(RowKind.ORDER, report, "quantity", f"{report.quantity}, but {order.quantity} ordered")
    if traded > report.quantity:
        return _odd(RowKind.TRADE, report, "quantity", f"{traded} traded, but {report.quantity} ordered")
    if not report.price and order.price and report.status in ALIVE:
        return _odd(RowKind.ORDER, report, "price", f"0, and the limit is {order.price / 100:.2f}")
    return None


def _most(book: Book, order: Order) -> int:
    """Return the largest quantity that a process may have requested without recording it.

    The process may have died before it recorded the change, or the ledger was restored. A sell may offer all shares of the
    position. A buy may be sized for a pre-open price, which lies within the widest band."""
    if order.side is Side.SELL:
        position = book.snapshot().position_of(order.instrument_id)
        return order.filled_quantity + (position.quantity if position is not None else 0)
    fitted = book.fitted_quantity(order)
    return max(fitted, order.quantity * 100 // (100 - BAND_PERCENT)) if order.variety is Variety.AMO else fitted


def _odd(kind: RowKind, report: OrderReport, field: str, value: str) -> OddRow:
    return OddRow(kind, report.symbol, field, value, report.broker_order_id, report.tag or "")
