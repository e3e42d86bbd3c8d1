"""Convert the exchange's book to Kite's rows (source: kiteconnect-mocks). Times are IST without a zone, money is in rupees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.kite.listing import KiteList
from tradectl.lab.sandboxes.repeated_tags import tag_of
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import OrderReport, OrderStatus, TradeReport, Variety

_S = OrderStatus
_WORDS = {_S.ONGOING: "OPEN", _S.EXECUTED: "COMPLETE", _S.REJECTED: "REJECTED", _S.CANCELLED: "CANCELLED", _S.UNKNOWN: "OPEN"}


def text(moment: datetime | None) -> str | None:
    return f"{to_ist(moment):%Y-%m-%d %H:%M:%S}" if moment is not None else None


def rupees(paise: int | None) -> float:
    return (paise or 0) / 100


def waits(report: OrderReport) -> bool:
    """Return whether the order is an after-market order that is not at the exchange yet."""
    return report.status is _S.PENDING and report.variety is Variety.AMO


def order(
    report: OrderReport, trades: Sequence[TradeReport], listing: KiteList, sessions: SessionTable, user: str
) -> dict[str, Any]:
    """Return a row of the order book. As at Kite, an ended row keeps its `pending_quantity`."""
    tradingsymbol, token = listing.named(report.symbol)
    tag = tag_of(report)
    filled = [trade for trade in trades if trade.broker_order_id == report.broker_order_id]
    shares = sum(trade.quantity for trade in filled)
    average = sum(trade.quantity * trade.price for trade in filled) / shares / 100 if shares else 0
    left = report.quantity - report.filled_quantity
    there = _at_exchange(report, sessions)
    return {
        "account_id": user,
        "placed_by": user,
        "order_id": report.broker_order_id,
        "exchange_order_id": f"1{report.broker_order_id}" if there else None,
        "parent_order_id": None,
        "status": status(report, there=there is not None),
        "status_message": report.reason or None,
        "status_message_raw": report.reason or None,
        "order_timestamp": text(report.placed_at),
        "exchange_update_timestamp": text(report.updated_at) if there else None,
        "exchange_timestamp": text(there),
        "variety": "amo" if report.variety is Variety.AMO else "regular",
        "modified": False,
        "exchange": "NSE",
        "tradingsymbol": tradingsymbol,
        "instrument_token": token,
        "order_type": "LIMIT" if report.price else "MARKET",
        "transaction_type": report.side.value,
        "validity": "DAY",
        "validity_ttl": 0,
        "product": "CNC",
        "quantity": report.quantity,
        "disclosed_quantity": 0,
        "price": rupees(report.price),
        "trigger_price": 0,
        "auction_number": None,
        "average_price": average,
        "filled_quantity": report.filled_quantity,
        "pending_quantity": 0 if report.status is _S.REJECTED else left,
        "cancelled_quantity": left if report.status is _S.CANCELLED else 0,
        "market_protection": 0 if report.price else -1,
        "meta": {},
        "tag": tag,
        "tags": [tag, *([] if report.price else ["mktp"])] if tag else [],
        "guid": "",
    }


def status(report: OrderReport, *, there: bool) -> str:
    """Return Kite's name for an order's status. `there`: whether the order reached the exchange."""
    if report.status is _S.PENDING:
        return "AMO REQ RECEIVED" if report.variety is Variety.AMO else "PUT ORDER REQ RECEIVED"
    if report.status is _S.CANCELLED and not there:
        return "CANCELLED AMO"
    return _WORDS[report.status]


def _at_exchange(report: OrderReport, sessions: SessionTable) -> datetime | None:
    """Return when the order reached the exchange; None if it never did."""
    if report.status in {_S.PENDING, _S.REJECTED}:
        return None
    if report.variety is Variety.REGULAR:
        return report.placed_at
    session = sessions.session(ist_date(report.updated_at))
    if session is None:
        return None
    released = session.begins_at()
    return released if report.placed_at <= released <= report.updated_at else None


def trade(report: TradeReport, number: int, listing: KiteList) -> dict[str, Any]:
    """Return a row of the trade book, without a tag, and with an order time without a date. `number`: the exchange's number."""
    tradingsymbol, token = listing.named(report.symbol)
    at = text(report.at) or ""
    return {
        "trade_id": str(number),
        "order_id": report.broker_order_id,
        "exchange": "NSE",
        "tradingsymbol": tradingsymbol,
        "instrument_token": token,
        "product": "CNC",
        "average_price": rupees(report.price),
        "quantity": report.quantity,
        "exchange_order_id": f"1{report.broker_order_id}",
        "transaction_type": report.side.value,
        "fill_timestamp": at,
        "order_timestamp": at[11:],
        "exchange_timestamp": at,
    }


def quote(found: Quote, token: int, previous_close: int | None) -> dict[str, Any]:
    """Return a full quote. Its depth is empty, because the simulated exchange has none."""
    empty = {"price": 0, "quantity": 0, "orders": 0}
    return {
        "instrument_token": token,
        "timestamp": text(found.at),
        "last_trade_time": text(found.last_trade_at),
        "last_price": rupees(found.last),
        "last_quantity": 0,
        "buy_quantity": 0,
        "sell_quantity": 0,
        "volume": found.volume or 0,
        "average_price": 0,
        "oi": 0,
        "oi_day_high": 0,
        "oi_day_low": 0,
        "net_change": rupees(found.last - previous_close) if previous_close else 0,
        "lower_circuit_limit": rupees(found.lower_band),
        "upper_circuit_limit": rupees(found.upper_band),
        "ohlc": {
            "open": rupees(found.open),
            "high": rupees(found.high),
            "low": rupees(found.low),
            "close": rupees(previous_close),
        },
        "depth": {"buy": [empty] * 5, "sell": [empty] * 5},
    }
