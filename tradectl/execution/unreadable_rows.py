"""Determine which symbols the broker's unreadable rows block.

A row that names a symbol, or one of our orders by id or tag, blocks that symbol: nothing is sent or changed for it. Cancels
always pass. A row that names neither may be any order that is missing from the broker's list. So it blocks buys, and
sells of symbols with an unlisted order of ours; other sells go on. While such a row may be a certain order, that
order's absence from the list proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from tradectl.ledger.book import Book
from tradectl.ledger.rows import Order
from tradectl.model.broker_view import CONTRADICTIONS, HOLDINGS, ORDERS, QUOTES, TRADES
from tradectl.model.odd_rows import OddRow, RowKind, odd_of
from tradectl.model.order import CLIENT_TAG, Holding, Side

_BOOKS = (ORDERS, TRADES, CONTRADICTIONS)
KINDS = {
    RowKind.ORDER: ORDERS,
    RowKind.TRADE: TRADES,
    RowKind.HOLDING: HOLDINGS,
    RowKind.POSITION: HOLDINGS,
    RowKind.QUOTE: QUOTES,
    RowKind.TICK: QUOTES,
}
"""The list that each kind of row comes from."""


def all_rows(book: Book) -> tuple[OddRow, ...]:
    """Return the odd rows of all lists as they were last read."""
    return tuple(row for rows in book.broker.odd.values() for row in rows)


def blocking_row(book: Book, symbol: str, side: Side) -> OddRow | None:
    """Return the odd row of the orders or trades that blocks buying or selling a symbol; None if there is none."""
    nameless: OddRow | None = None
    for row in _rows(book, _BOOKS):
        of = symbol_of(book, row)
        if symbol in {of, row.symbol}:
            return row
        if not of and _may_be_ours(row):
            nameless = nameless or row
    if nameless is None or (side is Side.SELL and not _unlisted(book, symbol)):
        return None
    return nameless


def blocking_holding(book: Book, symbol: str) -> OddRow | None:
    """Return the unreadable row of the last read holdings that names a symbol; None where there is none."""
    return next((row for row in book.broker.odd.get(HOLDINGS, ()) if row.symbol == symbol), None)


def unreadable_holding(holdings: Sequence[Holding], symbol: str) -> OddRow | None:
    """Return the row that may hide the holding of a symbol; None where there is none.

    That is a row of this symbol, or a row without a symbol if no readable row has this symbol."""
    shown = any(item.symbol == symbol for item in holdings)
    return next((row for row in odd_of(holdings) if row.symbol == symbol or not (row.symbol or shown)), None)


def row_of_order(book: Book, order: Order) -> OddRow | None:
    """Return the unreadable or contradictory row of the order book that may be this order; None where there is none."""
    if book.broker.odd.keys().isdisjoint((ORDERS, CONTRADICTIONS)):
        return None
    contradiction = (row for row in _rows(book, (CONTRADICTIONS,)) if row.broker_order_id == order.broker_order_id)
    if (found := next(contradiction, None)) is not None:
        return found
    listed = {report.broker_order_id for report in book.broker.reports}
    if order.broker_order_id in listed:
        return None
    return next((row for row in _rows(book, (ORDERS,)) if may_be_order(row, order)), None)


def may_be_order(row: OddRow, order: Order) -> bool:
    """Return whether a row of the order book may be this order: none of its readable fields contradicts that."""
    if row.broker_order_id and order.broker_order_id:
        return row.broker_order_id == order.broker_order_id
    if row.tag == order.tag:
        return True
    if row.tag and CLIENT_TAG.fullmatch(row.tag):
        return False
    return not row.symbol or row.symbol == order.symbol


def symbol_of(book: Book, row: OddRow) -> str:
    """Return the symbol of a row: from our order with its id or tag, else from the row, else from the listed order.

    Empty where no symbol is known."""
    order = _owner(book, row)
    if order is not None:
        return order.symbol
    if row.symbol or not row.broker_order_id:
        return row.symbol
    return next((item.symbol for item in book.broker.reports if item.broker_order_id == row.broker_order_id), "")


def is_ours(book: Book, row: OddRow, wanted: AbstractSet[str]) -> bool:
    """Return whether a row may be our order or has a symbol that is held, ordered or `wanted` (blocked commands)."""
    if row.kind is RowKind.TICK:
        return False  # the price is requested instead
    if CLIENT_TAG.fullmatch(row.tag):
        known = book.tagged([row.tag]).get(row.tag)
        if known is None or known.alive:
            return True  # an order under our tag that the ledger has lost, or that is live
    symbol = symbol_of(book, row)
    if not symbol:
        return _may_be_ours(row)
    snapshot = book.snapshot()
    held = {item.symbol for item in snapshot.positions} | {item.symbol for item in snapshot.orders}
    return bool({symbol, row.symbol} & (held | wanted))


def _may_be_ours(row: OddRow) -> bool:
    """Return whether a row without a symbol may be ours: it has no tag, or a tag of the program's form."""
    return not row.tag or CLIENT_TAG.fullmatch(row.tag) is not None


def _rows(book: Book, names: Iterable[str]) -> Iterator[OddRow]:
    for name in names:
        yield from book.broker.odd.get(name, ())


def _owner(book: Book, row: OddRow) -> Order | None:
    """Return our order that a row names by its id or tag, also if it has ended."""
    if not row.broker_order_id and not row.tag:
        return None
    snapshot = book.snapshot()
    found = snapshot.by_broker_id.get(row.broker_order_id) or snapshot.by_tag.get(row.tag)
    if found is not None or row.symbol:
        return found
    return book.by_broker_ids([row.broker_order_id]).get(row.broker_order_id) or book.tagged([row.tag]).get(row.tag)


def _unlisted(book: Book, symbol: str) -> bool:
    """Return whether an order of ours of this symbol may be at the broker and is not in its list."""
    listed = {report.broker_order_id for report in book.broker.reports}
    return any(
        order.symbol == symbol and order.alive and order.sending_at is not None and order.broker_order_id not in listed
        for order in book.snapshot().orders
    )
