"""Rows as Kite sends them, with values of our own: a base of each kind, and what a test changes in it."""

from __future__ import annotations

import json
from typing import Any

ORDER: dict[str, Any] = {
    "account_id": "AB1234", "placed_by": "AB1234", "order_id": "230717000000001", "exchange_order_id": "1100000000000001",
    "parent_order_id": None, "status": "OPEN", "status_message": None, "status_message_raw": None,
    "order_timestamp": "2023-07-17 09:20:05", "exchange_update_timestamp": "2023-07-17 09:20:06",
    "exchange_timestamp": "2023-07-17 09:20:06", "variety": "regular", "modified": False, "exchange": "NSE",
    "tradingsymbol": "ACME", "instrument_token": 408065, "order_type": "LIMIT", "transaction_type": "BUY", "validity": "DAY",
    "validity_ttl": 0, "product": "CNC", "quantity": 10, "disclosed_quantity": 0, "price": 101.35, "trigger_price": 0,
    "auction_number": None, "average_price": 0, "filled_quantity": 0, "pending_quantity": 10, "cancelled_quantity": 0,
    "market_protection": 0, "meta": {}, "tag": "ABCDEFGHIJKLMN2", "tags": ["ABCDEFGHIJKLMN2"], "guid": "x",
}  # fmt: skip
TRADE: dict[str, Any] = {
    "trade_id": "10000001", "order_id": "230717000000001", "exchange": "NSE", "tradingsymbol": "ACME", "instrument_token": 408065,
    "product": "CNC", "average_price": 101.3, "quantity": 4, "exchange_order_id": "1100000000000001", "transaction_type": "BUY",
    "fill_timestamp": "2023-07-17 09:21:00", "order_timestamp": "09:20:05", "exchange_timestamp": "2023-07-17 09:21:00",
}  # fmt: skip
HOLDING: dict[str, Any] = {
    "tradingsymbol": "ACME", "exchange": "NSE", "instrument_token": 408065, "isin": "INE000000001", "product": "CNC", "price": 0,
    "quantity": 10, "used_quantity": 0, "t1_quantity": 0, "realised_quantity": 10, "authorised_quantity": 0,
    "authorised_date": "2023-07-17 00:00:00", "opening_quantity": 10, "short_quantity": 0, "collateral_quantity": 0,
    "collateral_type": "", "discrepancy": False, "average_price": 100.123456, "last_price": 101.3, "close_price": 100.0,
    "pnl": 11.76, "day_change": 1.3, "day_change_percentage": 1.3,
}  # fmt: skip
POSITION: dict[str, Any] = {
    "tradingsymbol": "ACME", "exchange": "NSE", "instrument_token": 408065, "product": "CNC", "quantity": 0,
    "overnight_quantity": 0, "multiplier": 1, "day_buy_quantity": 0, "day_sell_quantity": 0,
}  # fmt: skip


def body(data: Any) -> bytes:
    return json.dumps({"status": "success", "data": data}).encode()
