"""The shapes of zerodha/kiteconnect-mocks (c7a8123) that concern delivery of shares: names and values as facts, in own rows.

That repository has no licence, so none of its files is here. Where TRADECTL_KITE_MOCKS names a folder with its files, the same
tests read those instead.
"""

from __future__ import annotations

import json
from decimal import Decimal
from os import environ
from pathlib import Path
from typing import Any

FOLDER = environ.get("TRADECTL_KITE_MOCKS")


def order(
    order_id: str, status: str, symbol: str, side: str, quantity: int, price: float, at: str, **more: Any
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "placed_by": "AB1234", "order_id": order_id, "exchange_order_id": "1300000000000001", "parent_order_id": None,
        "status": status, "status_message": None, "status_message_raw": None, "order_timestamp": at,
        "exchange_update_timestamp": at, "exchange_timestamp": at, "variety": "regular", "modified": False, "exchange": "NSE",
        "tradingsymbol": symbol, "instrument_token": 1, "order_type": "LIMIT", "transaction_type": side, "validity": "DAY",
        "product": "CNC", "quantity": quantity, "disclosed_quantity": 0, "price": price, "trigger_price": 0, "average_price": 0,
        "filled_quantity": 0, "pending_quantity": quantity, "cancelled_quantity": 0, "market_protection": 0, "meta": {},
        "tag": None, "guid": "x",
    }  # fmt: skip
    return row | more


def filled(price: float, quantity: int = 1) -> dict[str, Any]:
    return {"average_price": price, "filled_quantity": quantity, "pending_quantity": 0}


ORDERS = [
    order("100000000000000", "CANCELLED", "USDINR21JUNFUT", "BUY", 1, 72, "2021-05-31 09:18:57", exchange="CDS", product="NRML"),
    order("300000000000000", "COMPLETE", "IOC", "BUY", 1, 109.4, "2021-05-31 15:20:28", **filled(109.4)),
    order("500000000000000", "COMPLETE", "IOC", "SELL", 1, 0, "2021-05-31 15:20:51", order_type="MARKET", **filled(109.35)),
    order(
        "220524001859672", "REJECTED", "SBIN", "BUY", 200, 463, "2022-05-24 12:26:52", exchange_order_id=None,
        exchange_timestamp=None, exchange_update_timestamp=None, variety="iceberg", validity="TTL", validity_ttl=2,
        status_message="Insufficient funds. Required margin is 95417.84 but available margin is 74251.80. Check the orderbook"
        " for open orders.",
        status_message_raw="RMS:Margin Exceeds,Required:95417.84, Available:74251.80", pending_quantity=0, tag="icebergord",
        tags=["icebergord"], meta={"iceberg": {"leg": 1, "legs": 5, "leg_quantity": 200, "total_quantity": 1000}},
    ),
    order("98000000000000000", "CANCELLED", "BHEL", "SELL", 60, 85, "2023-06-12 14:00:58", variety="auction", validity_ttl=0),
    order("250117800776785", "CANCELLED", "SBIN", "BUY", 1, 702, "2025-01-17 11:49:45", product="MTF", cancelled_quantity=1),
    order("1953341975595868160", "COMPLETE", "TATASTEEL", "BUY", 1, 159.82, "2025-08-07 11:56:33", tags=["mktp", "mktp:2.00"],
          **filled(156.7)),
    order("1953367517686685697", "COMPLETE", "NIFTY2580724400CE", "BUY", 150, 0, "2025-08-07 13:38:02", exchange="NFO",
          product="NRML", order_type="MARKET", tags=["autoslice", "autoslice:1953367517640548352"], **filled(12.3, 150)),
]  # fmt: skip

_OLD = {
    "average_price", "cancelled_quantity", "disclosed_quantity", "exchange", "exchange_order_id", "exchange_timestamp",
    "filled_quantity", "instrument_token", "order_id", "order_timestamp", "order_type", "parent_order_id", "pending_quantity",
    "placed_by", "price", "product", "quantity", "status", "status_message", "tag", "tradingsymbol", "transaction_type",
    "trigger_price", "validity", "variety", "modified",
}  # fmt: skip
HISTORY = [
    {
        name: value
        for name, value in order(
            "171229000724687", word, "SBIN", "BUY", 1, price, at, exchange_timestamp=there, exchange_order_id=there and "13"
        ).items()
        if name in _OLD
    }
    for word, price, at, there in (
        ("PUT ORDER REQ RECEIVED", 300, "2017-12-29 11:06:52", None),
        ("VALIDATION PENDING", 300, "2017-12-29 11:06:52", None),
        ("OPEN PENDING", 300, "2017-12-29 11:06:52", None),
        ("OPEN", 300, "2017-12-29 11:06:52", "2017-12-29 11:06:52"),
        ("MODIFY VALIDATION PENDING", 300, "2017-12-29 11:08:16", "2017-12-29 11:06:52"),
        ("MODIFY PENDING", 300, "2017-12-29 11:08:16", "2017-12-29 11:06:52"),
        ("MODIFIED", 300, "2017-12-29 11:08:16", "2017-12-29 11:08:16"),
        ("OPEN", 300.1, "2017-12-29 11:08:16", "2017-12-29 11:08:16"),
    )
]


def trade(trade_id: str, order_id: str, exchange: str, symbol: str, product: str, price: float, at: str) -> dict[str, Any]:
    return {
        "trade_id": trade_id, "order_id": order_id, "exchange": exchange, "tradingsymbol": symbol, "instrument_token": 1,
        "product": product, "average_price": price, "quantity": 1, "exchange_order_id": "3", "transaction_type": "BUY",
        "fill_timestamp": at, "order_timestamp": at[11:], "exchange_timestamp": at,
    }  # fmt: skip


TRADES = [
    trade("10000000", "200000000000000", "NSE", "SBIN", "CNC", 420.65, "2021-05-31 09:16:39"),
    trade("40000000", "500000000000000", "CDS", "USDINR21JUNFUT", "MIS", 72.755, "2021-05-31 11:18:27"),
]


def holding(symbol: str, exchange: str, isin: str, quantity: int, average: float, mtf: int) -> dict[str, Any]:
    return {
        "tradingsymbol": symbol, "exchange": exchange, "instrument_token": 1, "isin": isin, "product": "CNC", "price": 0,
        "quantity": quantity, "used_quantity": 0, "t1_quantity": 0, "realised_quantity": quantity, "authorised_quantity": 0,
        "authorised_date": "2025-01-17 00:00:00", "authorisation": {}, "opening_quantity": quantity, "short_quantity": 0,
        "collateral_quantity": 0, "collateral_type": "", "discrepancy": False, "average_price": average, "last_price": 762.45,
        "close_price": 766.4, "pnl": -629.2999999999993, "day_change": -3.949999999999932,
        "day_change_percentage": -0.5153966597077155,
        "mtf": {"quantity": mtf, "used_quantity": 0, "average_price": 100, "value": 100000, "initial_margin": 0},
    }  # fmt: skip


HOLDINGS = [
    holding("AARON", "NSE", "INE721Z01010", 1, 161, 1000),
    holding("SBIN", "BSE", "INE062A01020", 16, 801.78125, 0),
]


def position(symbol: str, exchange: str, product: str, quantity: int) -> dict[str, Any]:
    sides = {
        f"{day}{side}_{what}": 1 for day in ("", "day_") for side in ("buy", "sell") for what in ("quantity", "price", "value")
    }
    return {
        "tradingsymbol": symbol, "exchange": exchange, "instrument_token": 1, "product": product, "quantity": quantity,
        "overnight_quantity": 0, "multiplier": 1, "average_price": 161.05, "close_price": 0, "last_price": 161.05,
        "value": -161050, "pnl": 0, "m2m": 0, "unrealised": 0, "realised": 0, "buy_m2m": 161050, "sell_m2m": 0, **sides,
    }  # fmt: skip


_ROWS = [position("LEADMINI17DECFUT", "MCX", "NRML", 1), position("SBIN", "NSE", "CO", 0)]
POSITIONS = {"net": _ROWS, "day": _ROWS}
EQUITY = {
    "enabled": True, "net": 99725.05000000002,
    "available": {
        "adhoc_margin": 0, "cash": 245431.6, "opening_balance": 245431.6, "live_balance": 99725.05000000002, "collateral": 0,
        "intraday_payin": 0,
    },
    "utilised": {
        "debits": 145706.55, "exposure": 38981.25, "m2m_realised": 761.7, "m2m_unrealised": 0, "option_premium": 0, "payout": 0,
        "span": 101989, "holding_sales": 0, "turnover": 0, "liquid_collateral": 0, "stock_collateral": 0, "delivery": 0,
    },
}  # fmt: skip
QUOTE = {
    "NSE:INFY": {
        "instrument_token": 408065, "timestamp": "2021-06-08 15:45:56", "last_trade_time": "2021-06-08 15:45:52",
        "last_price": 1412.95, "last_quantity": 5, "buy_quantity": 0, "sell_quantity": 5191, "volume": 7360198,
        "average_price": 1412.47, "oi": 0, "oi_day_high": 0, "oi_day_low": 0, "net_change": 0, "lower_circuit_limit": 1250.7,
        "upper_circuit_limit": 1528.6, "ohlc": {"open": 1396, "high": 1421.75, "low": 1395.55, "close": 1389.65},
        "depth": {side: [{"price": 0, "quantity": 0, "orders": 0}] * 5 for side in ("buy", "sell")},
    }
}  # fmt: skip
CHARGES = {
    "transaction_tax": 0.56, "transaction_tax_type": "stt", "exchange_turnover_charge": 0.01876, "sebi_turnover_charge": 0.00056,
    "brokerage": 0, "stamp_duty": 0, "gst": {"igst": 0.0033767999999999997, "cgst": 0, "sgst": 0, "total": 0.0033767999999999997},
    "total": 0.5826968,
}  # fmt: skip
NOTES = [
    {
        "transaction_type": "BUY", "tradingsymbol": "SBIN", "exchange": "NSE", "variety": "regular", "product": "CNC",
        "order_type": "MARKET", "quantity": 1, "price": 560, "charges": CHARGES,
    }
]  # fmt: skip
PROFILE = {
    "user_id": "AB1234", "user_type": "individual", "email": "", "user_name": "A B", "user_shortname": "A", "broker": "ZERODHA",
    "exchanges": ["BFO", "MCX", "NSE", "CDS", "BSE", "BCD", "MF", "NFO"], "products": ["CNC", "NRML", "MIS", "BO", "CO"],
    "order_types": ["MARKET", "LIMIT", "SL", "SL-M"], "avatar_url": None, "meta": {"demat_consent": "physical"},
}  # fmt: skip
SESSION = PROFILE | {
    "user_id": "XX0000", "user_name": "Kite Connect", "api_key": "XXXXXX", "access_token": "XXXXXX", "public_token": "XXXXXXXX",
    "enctoken": "XXXXXX", "refresh_token": "", "silo": "", "login_time": "2021-01-01 16:15:14",
}  # fmt: skip
POSTBACK = order(
    "220303000308932", "COMPLETE", "SBIN", "BUY", 1, 0, "2022-03-03 09:24:25", order_type="MARKET", user_id="AB1234",
    unfilled_quantity=0, app_id=1234, checksum="20" * 32, **filled(470),
)  # fmt: skip
CANDLES = {
    "candles": [
        ["2017-12-15T09:15:00+0530", 1704.5, 1705, 1699.25, 1702.8, 2499],
        ["2017-12-15T09:16:00+0530", 1702, 1702, 1698.15, 1698.15, 1271],
    ]
}
AUTOSLICE = {
    "order_id": "1914227164488687616",
    "children": [
        {"order_id": "1914227164534824960"},
        {"error": {"code": 400, "error_type": "MarginException", "message": "Insufficient funds.", "data": None}},
    ],
}
INSTRUMENTS = """instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange
3813889,14898,CENTRALBK-BE,CENTRAL BANK OF INDIA,0.0,,0.0,0.05,1,EQ,NSE,NSE
4645121,18145,EMMBI-BL,EMMBI INDUSTRIES,0.0,,0.0,0.05,1,EQ,NSE,NSE
3861249,15083,ADANIPORTS,ADANI PORT & SEZ,0.0,,0.0,0.05,1,EQ,NSE,NSE
12073986,47164,BANKNIFTY18JAN23500CE,,2528.4,2018-01-25,23500.0,0.05,40,CE,NFO-OPT,NFO
136483588,533139,FFTF16BGR,FORTIS FIXED TERM FUND - SERIE,0.0,,0.0,0.01,1,EQ,BSE,BSE
"""  # noqa: E501 - one line of a file

OWN: dict[str, Any] = {
    "orders": ORDERS, "order_info": HISTORY, "trades": TRADES, "holdings": HOLDINGS, "positions": POSITIONS,
    "margins_equity": EQUITY, "margins": {"equity": EQUITY, "commodity": EQUITY}, "quote": QUOTE, "virtual_contract_note": NOTES,
    "profile": PROFILE, "generate_session": SESSION, "historical_minute": CANDLES, "autoslice_response": AUTOSLICE,
    "order_response": {"order_id": "151220000000000"}, "order_modify": {"order_id": "151220000000000"},
    "order_cancel": {"order_id": "151220000000000"}, "session_logout": True,
}  # fmt: skip
"""`data` of a reply, by the name of its sample."""


def reply(name: str) -> bytes:
    """Return a reply as it goes over the wire."""
    return (
        (Path(FOLDER) / f"{name}.json").read_bytes() if FOLDER else json.dumps({"status": "success", "data": OWN[name]}).encode()
    )


def postback() -> dict[str, Any]:
    content = (Path(FOLDER) / "postback.json").read_bytes() if FOLDER else json.dumps(POSTBACK)
    found: dict[str, Any] = json.loads(content, parse_float=Decimal)
    return found


def instruments(name: str) -> bytes:
    return (Path(FOLDER) / f"{name}.csv").read_bytes() if FOLDER else INSTRUMENTS.encode()
