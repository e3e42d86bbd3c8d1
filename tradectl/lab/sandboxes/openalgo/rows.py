"""Convert the exchange's book to OpenAlgo's rows, as its Zerodha adapter makes them from Kite's rows.

Source: marketcalls/openalgo 60156bc, broker/zerodha (mapping/order_data.py, api/funds.py) and services.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradectl.lab.sandboxes.openalgo.schema import OpenAlgoError
from tradectl.model.market import Instrument, Quote
from tradectl.model.moment import to_ist
from tradectl.model.order import Funds, Holding, OrderReport, OrderStatus, TradeReport, Variety

Row = dict[str, Any]
WORDS = {
    OrderStatus.PENDING: "open",
    OrderStatus.ONGOING: "open",
    OrderStatus.EXECUTED: "complete",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.CANCELLED: "cancelled",
}
UNBOUND = "cannot access local variable 'order_status' where it is not associated with a value"
"""The server's error if the first row of the order book has a status that its Zerodha adapter does not handle."""


def orders(reports: Sequence[OrderReport]) -> list[Row]:
    """Return the order book.

    A row whose status the Zerodha adapter does not handle (a waiting after-market order) gets the status of the row before it.
    Raises OpenAlgoError 500 if it is the first row.
    """
    found: list[Row] = []
    word = ""
    for report in reports:
        if not _waits(report):
            word = WORDS.get(report.status, word)
        if not word:
            raise OpenAlgoError(500, UNBOUND)
        found.append(_order(report, word))
    return found


def _waits(report: OrderReport) -> bool:
    return report.status is OrderStatus.PENDING and report.variety is Variety.AMO


def _order(report: OrderReport, word: str) -> Row:
    return {
        "symbol": report.symbol,
        "exchange": "NSE",
        "action": report.side.value,
        "quantity": report.quantity,
        "price": report.price / 100,
        "trigger_price": 0,
        "pricetype": "LIMIT",
        "product": "CNC",
        "orderid": report.broker_order_id,
        "order_status": word,
        "timestamp": f"{to_ist(report.placed_at):%Y-%m-%d %H:%M:%S}",
    }


def trade(report: TradeReport, *, with_id: bool) -> Row:
    """Return a row of the trade book. `with_id`: add the trade id, as newer versions do."""
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
    """Return a holding as it was this morning, before today's net position."""
    whole, delivered = now.quantity + now.t1_quantity - net, now.quantity + max(0, -net)
    row = {"symbol": now.symbol, "exchange": "NSE", "product": "CNC", "quantity": whole, "average_price": 0.0}
    row |= {"pnl": 0.0, "pnlpercent": 0.0}
    return row | {"quantity": delivered, "t1_quantity": whole - delivered} if with_t1 else row


def position(symbol: str, net: int) -> Row:
    """Return a row of the position book: today's net quantity."""
    zero = {"pnl": 0.0, "average_price": "0.00", "ltp": 0.0}
    return {"symbol": symbol, "exchange": "NSE", "product": "CNC", "quantity": net, **zero}


def funds(found: Funds, opening: int) -> Row:
    """Return the funds. `availablecash` is Kite's net + debits - collateral.

    So it is the cash of this morning (`opening`, in paise), before everything that was spent or blocked since.
    """
    rupees = {"availablecash": opening, "utiliseddebits": opening - found.available}
    none = dict.fromkeys(("collateral", "m2mrealized", "m2munrealized"), "0.00")
    return none | {name: f"{paise / 100:.2f}" for name, paise in rupees.items()}


def quoted(symbol: str, quote: Quote | None) -> Row:
    """Return the quote of a symbol, or an error without a quote."""
    if quote is None:
        return {"error": f"Symbol {symbol} not found for exchange NSE"}
    day = {name: (getattr(quote, name) or 0) / 100 for name in ("open", "high", "low")}
    return {"data": {**day, "ltp": quote.last / 100, "prev_close": 0, "ask": 0, "bid": 0, "oi": 0, "volume": quote.volume or 0}}


def symbol(instrument: Instrument) -> Row:
    """Return a share's row of the symbol table. The freeze quantity applies to options and is 1 for a share."""
    return {
        "id": 1,
        "symbol": instrument.symbol,
        "brsymbol": instrument.symbol if instrument.series == "EQ" else f"{instrument.symbol}-{instrument.series}",
        "name": instrument.name,
        "exchange": "NSE",
        "brexchange": "NSE",
        "token": "0",
        "expiry": "",
        "strike": 0.0,
        "lotsize": instrument.lot_size,
        "instrumenttype": "EQ",
        "tick_size": instrument.tick_size / 100,
        "freeze_qty": 1,
    }
