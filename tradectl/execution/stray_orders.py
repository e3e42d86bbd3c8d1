"""Cancel orders that must not stay: what is left of buys of a sold symbol, and sells whose position is gone."""

from __future__ import annotations

from datetime import date

from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.order import Purpose, Side


def cancel_strays(trading: TradingSession, snapshot: Snapshot, session: date) -> bool:
    """Cancel what is left of buys of sold symbols, and sells without a position; return whether a cancel was sent."""
    buys = cancel_buys_of_sold(trading, snapshot, session)
    return _cancel_orphan_sells(trading, snapshot) or buys


def cancel_buys_of_sold(trading: TradingSession, snapshot: Snapshot, session: date) -> bool:
    """Cancel what is left of a symbol's buys once a sell of it has filled; return whether a cancel was sent."""
    todays = [order for order in snapshot.orders if order.side is Side.BUY and order.session == session]
    buys = [order for order in todays if not order.waiting and order.purpose is not Purpose.UNIDENTIFIED]
    sold = trading.book.sold(session) if buys else set()
    crossing = [order for order in buys if order.instrument_id in sold]
    for order in crossing:
        trading.cancel_confirmed(order)
    return bool(crossing)


def _cancel_orphan_sells(trading: TradingSession, snapshot: Snapshot) -> bool:
    """Cancel sells whose position is gone, as after a sale by hand; return whether a cancel was sent."""
    held = {position.instrument_id for position in snapshot.positions}
    strays = [
        order
        for order in snapshot.orders
        if order.side is Side.SELL and order.broker_order_id is not None and order.instrument_id not in held
        if order.purpose is not Purpose.UNIDENTIFIED
    ]
    for order in strays:
        trading.cancel_confirmed(order)
    return bool(strays)
