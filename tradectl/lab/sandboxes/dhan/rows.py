"""Convert the exchange's book to Dhan's rows. Times are IST without a zone, money is a float in rupees (dhanhq.co/docs/v2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tradectl.lab.sandboxes.dhan.listing import SEGMENT, DhanList
from tradectl.lab.sandboxes.repeated_tags import tag_of
from tradectl.lab.sandboxes.start_of_day import OpeningShares, number_of, sums
from tradectl.model.market import Quote
from tradectl.model.moment import to_ist
from tradectl.model.order import Funds, OrderReport, OrderStatus, Side, TradeReport, Variety

Row = dict[str, Any]
_S = OrderStatus
_WORDS = {_S.PENDING: "PENDING", _S.EXECUTED: "TRADED", _S.REJECTED: "REJECTED", _S.CANCELLED: "CANCELLED"}
NO_TIME = "0001-01-01 00:00:00"
_DERIVATIVE = {"drvExpiryDate": "0001-01-01", "drvOptionType": "NA", "drvStrikePrice": 0.0}


def text(moment: datetime) -> str:
    return f"{to_ist(moment):%Y-%m-%d %H:%M:%S}"


def rupees(paise: int | None) -> float:
    return (paise or 0) / 100


def word(report: OrderReport) -> str:
    """Return Dhan's name for an order's status."""
    if report.status is _S.ONGOING:
        return "PART_TRADED" if report.filled_quantity else "PENDING"
    return _WORDS[report.status]


def order(report: OrderReport, trades: Sequence[TradeReport], listing: DhanList, client: str) -> Row:
    """Return a row of the order book."""
    filled = [trade for trade in trades if trade.broker_order_id == report.broker_order_id]
    shares = sum(trade.quantity for trade in filled)
    average = sum(trade.quantity * trade.price for trade in filled) / shares / 100 if shares else 0
    there = report.status not in {_S.PENDING, _S.REJECTED}
    ended = report.status in {_S.REJECTED, _S.CANCELLED}
    return {
        "dhanClientId": client,
        "orderId": report.broker_order_id,
        "correlationId": tag_of(report) or f"{client}-{int(report.placed_at.timestamp() * 1000)}",
        "orderStatus": word(report),
        "transactionType": report.side.value,
        "exchangeSegment": SEGMENT,
        "productType": "CNC",
        "orderType": "LIMIT" if report.price else "MARKET",
        "validity": "DAY",
        "tradingSymbol": report.symbol,
        "securityId": listing.id_of(report.symbol),
        "quantity": report.quantity,
        "disclosedQuantity": 0,
        "price": rupees(report.price),
        "triggerPrice": 0.0,
        "afterMarketOrder": report.variety is Variety.AMO,
        "boProfitValue": 0.0,
        "boStopLossValue": 0.0,
        "legName": "NA",
        "createTime": text(report.placed_at),
        "updateTime": text(report.updated_at),
        "exchangeTime": text(report.updated_at) if there else NO_TIME,
        **_DERIVATIVE,
        "omsErrorCode": None,
        "omsErrorDescription": (report.reason or None) if ended else "CONFIRMED",
        "algoId": None,
        "remainingQuantity": 0 if report.status is _S.REJECTED else report.quantity - report.filled_quantity,
        "averageTradedPrice": average,
        "filledQty": report.filled_quantity,
    }


def trade(report: TradeReport, listing: DhanList, client: str) -> Row:
    """Return a row of the trade book."""
    at = text(report.at)
    return {
        "dhanClientId": client,
        "orderId": report.broker_order_id,
        "exchangeOrderId": f"1{report.broker_order_id}",
        "exchangeTradeId": str(number_of(report)),
        "transactionType": report.side.value,
        "exchangeSegment": SEGMENT,
        "productType": "CNC",
        "orderType": "LIMIT",
        "tradingSymbol": report.symbol,
        "securityId": listing.id_of(report.symbol),
        "tradedQuantity": report.quantity,
        "tradedPrice": rupees(report.price),
        "createTime": at,
        "updateTime": at,
        "exchangeTime": at,
        **_DERIVATIVE,
    }


def holding(item: OpeningShares, listing: DhanList, *, sold_inside: bool) -> Row:
    """Return a row of holdings. `sold_inside`: whether `availableQty` excludes the shares sold today."""
    return {
        "exchange": "ALL",
        "tradingSymbol": item.symbol,
        "securityId": listing.id_of(item.symbol),
        "isin": listing.isin(item.symbol),
        "totalQty": item.whole,
        "dpQty": item.whole - item.fresh,
        "t1Qty": item.fresh,
        "availableQty": item.whole - (item.used if sold_inside else 0),
        "collateralQty": 0,
        "avgCostPrice": 0.0,
    }


def position(trades: Sequence[TradeReport], symbol: str, listing: DhanList, client: str) -> Row:
    """Return a row of positions. For delivery it contains only today's trades."""
    (bought, cost), (sold, proceeds) = sums(trades, symbol, Side.BUY), sums(trades, symbol, Side.SELL)
    net = bought - sold
    zero = dict.fromkeys(
        ("realizedProfit", "unrealizedProfit", "rbiReferenceRate", "carryForwardBuyValue", "carryForwardSellValue"), 0.0
    )
    return {
        "dhanClientId": client,
        "tradingSymbol": symbol,
        "securityId": listing.id_of(symbol),
        "positionType": "LONG" if net > 0 else "SHORT" if net < 0 else "CLOSED",
        "exchangeSegment": SEGMENT,
        "productType": "CNC",
        "buyAvg": cost / bought / 100 if bought else 0.0,
        "buyQty": bought,
        "costPrice": cost / bought / 100 if bought else 0.0,
        "sellAvg": proceeds / sold / 100 if sold else 0.0,
        "sellQty": sold,
        "netQty": net,
        **zero,
        "multiplier": 1,
        "carryForwardBuyQty": 0,
        "carryForwardSellQty": 0,
        "dayBuyQty": bought,
        "daySellQty": sold,
        "dayBuyValue": rupees(cost),
        "daySellValue": rupees(proceeds),
        **_DERIVATIVE,
        "crossCurrency": False,
    }


def funds(found: Funds, opening: int, client: str) -> Row:
    """Return the fund limits; `opening` in paise. `receiveableAmount`: the proceeds of today's sales that cannot buy yet."""
    return {
        "dhanClientId": client,
        "availabelBalance": rupees(found.available),
        "sodLimit": rupees(opening),
        "collateralAmount": 0.0,
        "receiveableAmount": rupees(found.cash - found.blocked - found.available),
        "utilizedAmount": rupees(opening - found.available),
        "blockedPayoutAmount": 0.0,
        "withdrawableBalance": rupees(found.available),
    }


def quote(found: Quote) -> Row:
    """Return a full quote. Its depth is empty, because the simulated exchange has none."""
    empty = {"quantity": 0, "orders": 0, "price": 0}
    traded = found.last_trade_at
    return {
        "average_price": 0,
        "buy_quantity": 0,
        "depth": {"buy": [empty] * 5, "sell": [empty] * 5},
        "last_price": rupees(found.last),
        "last_quantity": 0,
        "last_trade_time": f"{to_ist(traded):%d/%m/%Y %H:%M:%S}" if traded is not None else "01/01/1980 00:00:00",
        "lower_circuit_limit": rupees(found.lower_band),
        "net_change": 0,
        "ohlc": {"open": rupees(found.open), "close": 0, "high": rupees(found.high), "low": rupees(found.low)},
        "oi": 0,
        "oi_day_high": 0,
        "oi_day_low": 0,
        "sell_quantity": 0,
        "upper_circuit_limit": rupees(found.upper_band),
        "volume": found.volume or 0,
    }
