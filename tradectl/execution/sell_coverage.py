"""Find the shares of positions that live sell orders cover, and those that none covers.

The functions here are pure: they read the ledger's orders and fills and the hours of a session.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from tradectl.errors import TradectlError
from tradectl.exchange.phases import PhaseKind
from tradectl.ledger.executions import SKEW
from tradectl.ledger.rows import Order, Position
from tradectl.model.order import ALIVE, TO_BE_CANCELLED, OrderReport, OrderStatus, ReasonCode, Side

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.ledger.book import Book
    from tradectl.ports import MarketData

MARKET_HOURS = frozenset(
    {
        PhaseKind.CONTINUOUS,
        PhaseKind.CLOSING_REFERENCE,
        PhaseKind.CLOSING_AUCTION,
        PhaseKind.CLOSING_AUCTION_LIMIT,
        PhaseKind.CLOSING_MATCHING,
    }
)
"""The phases in which a sell may rest at the exchange and trade."""
_NOT_BY_THE_BROKER = TO_BE_CANCELLED | {ReasonCode.DECIDED}
"""The codes of cancelled orders that the broker did not cancel by itself."""


def in_market_hours(session: Session | None, now: datetime, closing_auctions: Iterable[bool]) -> bool:
    """Return whether a sell of a stock may rest and trade now.

    `closing_auctions`: whether the stock has a closing auction; both values where that is not known, then either counts. A
    session on which tradectl does not run has no market hours."""
    if session is None or not session.runs:
        return False
    phases = (session.phase_at(now, closing_auction) for closing_auction in closing_auctions)
    return any(phase is not None and phase.kind in MARKET_HOURS for phase in phases)


def closing_auctions(market: MarketData, position: Position, day: date) -> tuple[tuple[bool, ...], str]:
    """Return whether a position's stock has a closing auction, and an error text if the market data cannot be read.

    With an error both values are returned, because a finding must not depend on damaged data."""
    try:
        return market.instrument(position.instrument_id, day).closing_auctions, ""
    except TradectlError as error:
        return (False, True), str(error).rstrip(".") or type(error).__name__


def exposed_shares(
    book: Book,
    position: Position,
    orders: Iterable[Order],
    session: Session,
    now: datetime,
    *,
    kinds: Sequence[bool],
    excluded: Collection[str] | None,
) -> int:
    """Return how many shares of a position have no live sell in the market hours of its stock.

    A sell that the exchange excluded from the closing auction still counts: with a limit outside the auction's band it could not
    trade there, and the next session has a new one. It may not be known whether the stock has a closing auction. Then a sell that
    rested until the earlier end of trading counts.

    Args:
        excluded: The broker order ids of the sells that the exchange excluded, by the broker's list. None without that list; then
            each sell that the broker cancelled since the reference price was known counts as one.
    """
    shares = uncovered(position, orders, session.date)
    if not shares or not in_market_hours(session, now, kinds):
        return 0
    over = [session.continuous_end(kind) for kind in kinds if not in_market_hours(session, now, (kind,))]
    ended = min((end for end in over if end <= now), default=None)
    reference = session.reference_end(True) if all(kinds) else None

    def rested(order: Order) -> bool:
        if ended is not None and order.updated_at >= ended:
            return True
        if reference is None or order.updated_at < reference:
            return False
        return excluded is None or order.broker_order_id in excluded

    sells = cancelled_by_broker_in(book, position, session.date)
    return max(0, shares - sum(order.quantity - order.filled_quantity for order in sells if rested(order)))


def uncovered(position: Position, orders: Iterable[Order], session: date) -> int:
    """Return how many shares of a position no live sell order of a session covers.

    An order counts with its remaining quantity while it may trade: it has a broker order id and its outcome is known. An order
    of an earlier session ended with that session, even if the ledger still shows it as live.
    """
    left = position.quantity
    for order in orders:
        if order.instrument_id == position.instrument_id and _covers(order, session):
            left -= order.quantity - order.filled_quantity
    return max(0, left)


def _covers(order: Order, session: date) -> bool:
    known = order.status is not OrderStatus.UNKNOWN and order.broker_order_id is not None
    return order.side is Side.SELL and order.status in ALIVE and known and order.session == session


def without_unread(orders: Iterable[Order], unread: Mapping[int, OrderReport]) -> list[Order]:
    """Return the orders without those that have an unknown status at the broker (`BrokerView.unread`): they may have ended."""
    return [order for order in orders if order.id not in unread]


def unread_sell(position: Position, orders: Iterable[Order], unread: Mapping[int, OrderReport], session: date) -> Order | None:
    """Return a sell order that would cover a position and has an unknown status at the broker."""
    of = (order for order in orders if order.id in unread and order.instrument_id == position.instrument_id)
    return next((order for order in of if _covers(order, session)), None)


def unresolved_sell(position: Position, orders: Iterable[Order]) -> Order | None:
    """Return a position's sell order whose outcome is not known: UNKNOWN, or marked as sent without a recorded outcome."""
    for order in orders:
        sent = order.side is Side.SELL and order.alive and order.sending_at is not None
        answered = order.broker_order_id is not None and order.status is not OrderStatus.UNKNOWN
        if sent and not answered and order.instrument_id == position.instrument_id:
            return order
    return None


def exposed_since(book: Book, position: Position, session: date, opened: datetime, now: datetime) -> datetime:
    """Return the earliest moment of a session since when a position can have been uncovered.

    That is the session's open, the last buy fill, or the end of the last sell order that covered it. A rejected order never
    covered anything. Of the sells that the broker cancelled by itself only the first counts. A moment in the future was written
    under a clock that was ahead, and is ignored."""
    buys: list[datetime] = [
        row.at
        for row in book.fills(session=session, ours=True)
        if row.instrument_id == position.instrument_id and row.side == Side.BUY
    ]
    sells = _sells(book, position, session)
    again = cancelled_by_broker(sells)[1:]
    covered = {OrderStatus.CANCELLED, OrderStatus.EXECUTED}
    ends = [order.updated_at for order in sells if order.status in covered and order not in again]
    return max([opened, *(moment for moment in (*buys, *ends) if moment <= now + SKEW)])


def cancelled_by_broker(sells: Iterable[Order]) -> list[Order]:
    """Return the sells of a position that the broker cancelled by itself, oldest first: tradectl requested no cancel."""
    return [
        order
        for order in sells
        if order.status is OrderStatus.CANCELLED
        and order.broker_order_id is not None
        and order.reason_code not in _NOT_BY_THE_BROKER
    ]


def cancelled_by_broker_in(book: Book, position: Position, session: date) -> list[Order]:
    """Return the sells of a position in a session that the broker cancelled by itself, oldest first."""
    return cancelled_by_broker(_sells(book, position, session))


def sells_of(book: Book, position: Position, session: date) -> list[Order]:
    """Return the sells of a position in a session, oldest first, including ended and refused sells."""
    sells = (order for order in book.orders(session=session) if order.side is Side.SELL)
    return [order for order in sells if order.instrument_id == position.instrument_id]


def _sells(book: Book, position: Position, session: date) -> list[Order]:
    """Return the sells of a position in a session that the broker accepted, oldest first, including ended sells."""
    return [order for order in sells_of(book, position, session) if order.broker_order_id is not None]
