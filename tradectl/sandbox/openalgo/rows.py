"""Our dataclasses as OpenAlgo's rows, by its documentation."""

from __future__ import annotations

from typing import Any

from tradectl.model.market import Quote
from tradectl.model.moment import to_ist
from tradectl.model.order import Funds, Holding, OrderReport, OrderStatus, TradeReport

Row = dict[str, Any]
WORDS = {
    OrderStatus.EXECUTED: "complete",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.CANCELLED: "cancelled",
}
"""In-flight states and waiting orders are all `open`."""


def order(report: OrderReport) -> Row:
    return {
        "action": report.side.value,
        "symbol": report.symbol,
        "exchange": "NSE",
        "orderid": report.broker_order_id,
        "product": "CNC",
        "quantity": str(report.quantity),
        "price": report.price / 100,
        "pricetype": "LIMIT",
        "order_status": WORDS.get(report.status, "open"),
        "trigger_price": 0.0,
        "timestamp": f"{to_ist(report.placed_at):%d-%b-%Y %H:%M:%S}",
    }


def trade(report: TradeReport, *, with_id: bool) -> Row:
    row = {
        "action": report.side.value,
        "symbol": report.symbol,
        "exchange": "NSE",
        "orderid": report.broker_order_id,
        "product": "CNC",
        "quantity": float(report.quantity),
        "average_price": report.price / 100,
        "timestamp": f"{to_ist(report.at):%H:%M:%S}",
        "trade_value": report.quantity * report.price / 100,
    }
    return row | {"tradeid": report.trade_id} if with_id else row


def holding(now: Holding, net: int, *, with_t1: bool) -> Row:
    """As it was this morning, before a net position of today."""
    whole, delivered = now.quantity + now.t1_quantity - net, now.quantity + max(0, -net)
    row = {"symbol": now.symbol, "exchange": "NSE", "product": "CNC", "quantity": whole, "pnl": 0.0, "pnlpercent": 0.0}
    return row | {"quantity": delivered, "t1_quantity": whole - delivered} if with_t1 else row


def position(symbol: str, net: int) -> Row:
    zero = dict.fromkeys(("average_price", "ltp", "pnl"), "0.00")
    return {"symbol": symbol, "exchange": "NSE", "product": "CNC", "quantity": str(net), **zero}


def funds(found: Funds) -> Row:
    rupees = {"availablecash": found.available, "utiliseddebits": found.blocked}
    none = dict.fromkeys(("collateral", "m2mrealized", "m2munrealized"), "0.00")
    return none | {name: f"{paise / 100:.2f}" for name, paise in rupees.items()}


def quoted(symbol: str, quote: Quote | None) -> Row:
    if quote is None:
        return {"error": f"Symbol {symbol} not found for exchange NSE"}
    day = {name: (getattr(quote, name) or 0) / 100 for name in ("open", "high", "low")}
    return {"data": {**day, "ltp": quote.last / 100, "prev_close": 0, "ask": 0, "bid": 0, "oi": 0, "volume": quote.volume or 0}}
