"""Convert the exchange's book to Kotak's rows: some numbers are text, and the times have several formats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tradectl.brokers.kotak_neo.paths import SEGMENT
from tradectl.lab.sandboxes.kotak_neo.scrips import KotakListed
from tradectl.model.market import Quote
from tradectl.model.moment import to_ist
from tradectl.model.money import to_rupees
from tradectl.model.order import Funds, Holding, OrderReport, Side, TradeReport
from tradectl.model.series import TRADE_FOR_TRADE

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Row = dict[str, Any]


def order_row(
    report: OrderReport, word: str, written: str, listed: KotakListed | None, client: str, *, product: str = "CNC"
) -> Row:
    """Return a row of the order book. `word`: Kotak's status; `written`: its GuiOrdId."""
    queued = word.endswith("order req received")
    return {
        "nOrdNo": report.broker_order_id,
        "exOrdId": "NA" if queued or word == "rejected" else f"11{report.broker_order_id}",
        "ordSt": word,
        "stat": word,
        "rejRsn": report.reason or "--",
        "trdSym": _trading_symbol(report.symbol, listed),
        "sym": report.symbol,
        "tok": listed.token if listed else "",
        "exSeg": SEGMENT,
        "trnsTp": _side(report.side),
        "prcTp": "L" if report.price else "MKT",
        "prod": product,
        "prc": to_rupees(report.price),
        "trgPrc": "0.00",
        "avgPrc": "0.00",
        "qty": report.quantity,
        "fldQty": report.filled_quantity,
        "unFldSz": report.quantity - report.filled_quantity,
        "cnlQty": report.quantity - report.filled_quantity if word.startswith("cancelled") else 0,
        "dscQty": 0,
        "vldt": "DAY",
        "ordDtTm": _dashed(report.placed_at),
        "ordEntTm": _dashed(report.placed_at),
        "exCfmTm": "--" if queued else _dashed(report.updated_at),
        "hsUpTm": _slashed(report.updated_at),
        "boeSec": int(report.placed_at.timestamp()),
        "updRecvTm": int(report.updated_at.timestamp()) * 1_000_000_000,
        "GuiOrdId": written,
        "ordSrc": "ADMINCPPAPI_FINTECH001",
        "algId": "NA",
        "series": listed.instrument.series if listed else "",
        "tckSz": f"{to_rupees(listed.instrument.tick_size)}00" if listed else "",
        "lotSz": "1",
        "mktPro": "0",
        "ordModNo": "",
        "usrId": client,
        "actId": client,
        "it": "EQ",
    }


def history_row(row: Row) -> Row:
    """Convert a row of the order book to a row of an order's history, whose times have a space after each colon."""
    moved = {"exchOrdId": row["exOrdId"], "exchTmstp": _spaced(row["exCfmTm"]), "flDtTm": _spaced(row["ordDtTm"])}
    kept = {name: value for name, value in row.items() if name not in {"exOrdId", "exCfmTm", "ordDtTm", "ordEntTm", "hsUpTm"}}
    return {**kept, **moved, "nReqId": "1", "ordDur": row["vldt"], "dclQty": "0"}


def trade_row(trade: TradeReport, written: str, listed: KotakListed | None, client: str, *, product: str = "CNC") -> Row:
    """Return a row of the trade book. `written`: the GuiOrdId of its order."""
    day, at = _dashed(trade.at).split()
    return {
        "nOrdNo": trade.broker_order_id,
        "exOrdId": f"11{trade.broker_order_id}",
        "flId": trade.trade_id,
        "avgPrc": to_rupees(trade.price),
        "fldQty": trade.quantity,
        "flDt": day,
        "flTm": at,
        "exTm": f"{day} {at}",
        "hsUpTm": _slashed(trade.at),
        "trdSym": _trading_symbol(trade.symbol, listed),
        "sym": trade.symbol,
        "series": listed.instrument.series if listed else "",
        "tok": "",
        "exSeg": SEGMENT,
        "trnsTp": _side(trade.side),
        "prod": product,
        "prcTp": "L",
        "rptTp": "fill",
        "GuiOrdId": written,
        "usrId": client,
    }


def position_row(
    symbol: str, trades: Sequence[TradeReport], listed: KotakListed | None, client: str, *, product: str = "CNC"
) -> Row:
    """Return the position row of today's trades in a symbol. Shares from before today are only in the holdings."""
    shares = {side: sum(item.quantity for item in trades if item.side is side) for side in Side}
    value = {side: sum(item.quantity * item.price for item in trades if item.side is side) for side in Side}
    return {
        "trdSym": _trading_symbol(symbol, listed), "sym": symbol, "tok": listed.token if listed else "", "exSeg": SEGMENT,
        "prod": product, "series": listed.instrument.series if listed else "", "actId": client,
        "cfBuyQty": "0", "cfSellQty": "0", "cfBuyAmt": "0.00", "cfSellAmt": "0.00",
        "flBuyQty": str(shares[Side.BUY]), "flSellQty": str(shares[Side.SELL]),
        "buyAmt": to_rupees(value[Side.BUY]), "sellAmt": to_rupees(value[Side.SELL]),
        "multiplier": "1", "genNum": "1", "genDen": "1", "prcNum": "1", "prcDen": "1", "lotSz": "1", "precision": "2",
    }  # fmt: skip


def holding_row(holding: Holding, bought_today: int, quote: Quote | None, listed: KotakListed | None) -> Row:
    """Return the row of shares held before today, without their cost. `bought_today`: shares that are still a position."""
    before = holding.quantity + holding.t1_quantity - bought_today
    restricted = listed is not None and listed.instrument.series in TRADE_FOR_TRADE
    row: Row = {
        "displaySymbol": holding.symbol, "symbol": holding.symbol, "quantity": before,
        "sellableQuantity": max(0, holding.sellable - (0 if restricted else bought_today)), "exchangeSegment": SEGMENT,
        "exchangeIdentifier": listed.token if listed else "", "instrumentType": "Equity", "isAlternateScrip": False,
    }  # fmt: skip
    if quote is not None:
        row |= {"closingPrice": quote.last / 100, "mktValue": before * quote.last / 100}
    return row


def limits_row(funds: Funds, at: datetime) -> Row:
    """Return those of Kotak's eighty fields for which the simulated account has a value."""
    return {
        "Category": "CLIENT_SPECIAL", "CollateralValue": to_rupees(funds.cash), "Net": to_rupees(funds.available),
        "MarginUsed": to_rupees(funds.cash - funds.available), "TimeStamp": str(int(at.timestamp() * 1000)), "stat": "Ok",
        "stCode": 200,
    }  # fmt: skip


def quote_row(quote: Quote, listed: KotakListed) -> Row:
    """Return a quote.

    With an open price the volume is at least 1: the paper exchange does not count the volume of the opening auction.
    """
    traded = int(quote.open is not None)
    return {
        "exchange_token": listed.token,
        "display_symbol": listed.trading_symbol,
        "exchange": SEGMENT,
        "lstup_time": str(int(quote.at.timestamp())),
        "ltp": _long(quote.last),
        "last_volume": str(max(quote.volume or 0, traded)),
        "low_price_range": _long(quote.lower_band),
        "high_price_range": _long(quote.upper_band),
        "ohlc": {"open": _long(quote.open), "high": _long(quote.high), "low": _long(quote.low)},
    }


def _trading_symbol(symbol: str, listed: KotakListed | None) -> str:
    return f"{symbol}-{listed.instrument.series}" if listed else symbol


def _side(side: Side) -> str:
    return "B" if side is Side.BUY else "S"


def _long(paise: int | None) -> str:
    return f"{to_rupees(paise or 0)}00"


def _dashed(moment: datetime) -> str:
    at = to_ist(moment)
    return f"{at.day:02d}-{_MONTHS[at.month - 1]}-{at.year} {at:%H:%M:%S}"


def _slashed(moment: datetime) -> str:
    return f"{to_ist(moment):%Y/%m/%d %H:%M:%S}"


def _spaced(text: str) -> str:
    return text.replace(":", ": ")
