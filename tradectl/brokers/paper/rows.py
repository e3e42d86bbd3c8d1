"""Convert between an account's objects and rows of the file.

Moments are stored as sortable text in UTC, dates in ISO form, flags as 0 and 1.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime

from tradectl.brokers.paper.account import CashEntry, EntryKind, ExchangeOrder, ExchangeTrade, Lot
from tradectl.model.order import OrderStatus, OrderType, Side, Variety

ORDER_COLUMNS = (
    "order_id, tag, instrument_id, symbol, side, quantity, price, order_type, variety, status, placed_at, updated_at, active_at, "
    "session, filled, passive, modifications, blocked, reason, out_of_auction"
)
TRADE_COLUMNS = "trade_id, order_id, instrument_id, symbol, side, quantity, price, at, session, realised, unsettled"
LOT_COLUMNS = "lot_id, instrument_id, quantity, cost, bought_on, delivered, locked"
ENTRY_COLUMNS = "entry_id, at, session, kind, amount, instrument_id, symbol, note"


def text_of(moment: datetime) -> str:
    """Return a moment as sortable text in UTC."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(timespec="microseconds")


def moment_of(text: str) -> datetime:
    """Return the moment of a stored text."""
    return datetime.fromisoformat(text)


Row = tuple[object, ...]


def order_row(order: ExchangeOrder) -> Row:
    return (
        order.order_id, order.tag, order.instrument_id, order.symbol, order.side.value, order.quantity, order.price,
        order.order_type.value, order.variety.value, order.status.value, text_of(order.placed_at), text_of(order.updated_at),
        text_of(order.active_at), order.session.isoformat() if order.session else None, order.filled, int(order.passive),
        order.modifications, order.blocked, order.reason, int(order.out_of_auction),
    )  # fmt: skip


def order_of(row: sqlite3.Row) -> ExchangeOrder:
    (order_id, tag, instrument_id, symbol, side, quantity, price, order_type, variety, status, placed, updated, active, session,
     filled, passive, modifications, blocked, reason, out_of_auction) = row  # fmt: skip
    return ExchangeOrder(
        order_id=order_id,
        tag=tag,
        instrument_id=instrument_id,
        symbol=symbol,
        side=Side(side),
        quantity=quantity,
        price=price,
        order_type=OrderType(order_type),
        variety=Variety(variety),
        status=OrderStatus(status),
        placed_at=moment_of(placed),
        updated_at=moment_of(updated),
        active_at=moment_of(active),
        session=date.fromisoformat(session) if session else None,
        filled=filled,
        passive=bool(passive),
        modifications=modifications,
        blocked=blocked,
        reason=reason,
        out_of_auction=bool(out_of_auction),
    )


def trade_row(trade: ExchangeTrade) -> Row:
    return (
        trade.trade_id, trade.order_id, trade.instrument_id, trade.symbol, trade.side.value, trade.quantity, trade.price,
        text_of(trade.at), trade.session.isoformat(), trade.realised, trade.unsettled,
    )  # fmt: skip


def trade_of(row: sqlite3.Row) -> ExchangeTrade:
    trade_id, order_id, instrument_id, symbol, side, quantity, price, at, session, realised, unsettled = row
    return ExchangeTrade(
        trade_id=trade_id,
        order_id=order_id,
        instrument_id=instrument_id,
        symbol=symbol,
        side=Side(side),
        quantity=quantity,
        price=price,
        at=moment_of(at),
        session=date.fromisoformat(session),
        realised=realised,
        unsettled=unsettled,
    )


def lot_row(lot: Lot) -> Row:
    return (lot.lot_id, lot.instrument_id, lot.quantity, lot.cost, lot.bought_on.isoformat(), int(lot.delivered), lot.locked)


def lot_of(row: sqlite3.Row) -> Lot:
    lot_id, instrument_id, quantity, cost, bought_on, delivered, locked = row
    return Lot(lot_id, instrument_id, quantity, cost, date.fromisoformat(bought_on), bool(delivered), locked)


def entry_row(entry: CashEntry) -> Row:
    return (
        entry.entry_id, text_of(entry.at), entry.session.isoformat(), entry.kind.value, entry.amount, entry.instrument_id,
        entry.symbol, entry.note,
    )  # fmt: skip


def entry_of(row: sqlite3.Row) -> CashEntry:
    entry_id, at, session, kind, amount, instrument_id, symbol, note = row
    return CashEntry(entry_id, moment_of(at), date.fromisoformat(session), EntryKind(kind), amount, instrument_id, symbol, note)
