"""Compare the book with what the broker holds and lists, at the end of a day. Nothing is changed."""

from __future__ import annotations

from msgspec import Struct

from tradectl.execution import unreadable_rows
from tradectl.ledger.book import Book
from tradectl.ledger.rows import Order
from tradectl.model.broker_view import HOLDINGS
from tradectl.model.odd_rows import odd_of
from tradectl.ports import Broker


class Mismatch(Struct, frozen=True):
    """A difference between the broker's holdings and the book, in shares."""

    symbol: str
    book: int
    broker: int


def compare_holdings(book: Book, broker: Broker) -> list[Mismatch]:
    """Return the positions for which the broker has fewer shares than the book. A surplus is not compared here.

    A position with an unreadable row is left out: its number of shares is not known."""
    holdings = broker.holdings()
    book.broker = book.broker.with_odd(HOLDINGS, odd_of(holdings))
    held = {item.symbol: item.quantity + item.t1_quantity for item in holdings}
    return [
        Mismatch(position.symbol, position.quantity, held.get(position.symbol, 0))
        for position in book.snapshot().positions
        if held.get(position.symbol, 0) < position.quantity
        and unreadable_rows.unreadable_holding(holdings, position.symbol) is None
    ]


def unlisted(book: Book) -> list[Order]:
    """Return our unfinished orders that the broker accepted, but that its order list, as last read, does not contain."""
    listed = {report.broker_order_id for report in book.broker.reports}
    return [
        order
        for order in book.snapshot().orders
        if order.broker_order_id is not None
        and order.broker_order_id not in listed
        and unreadable_rows.row_of_order(book, order) is None
    ]
