"""Check orders as Dhan does, and convert them to requests to the exchange.

A field that is present must have a value: an empty text is refused (measured 2026-09). A repeated `correlationId` makes a second
order. A waiting after-market order cannot be changed (DH-906). No source has Dhan's messages for other refused changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tradectl.errors import OrderRefused
from tradectl.lab.sandboxes.dhan.errors import NO_ORDER, DhanError, bad_value
from tradectl.lab.sandboxes.dhan.listing import SEGMENT, DhanList
from tradectl.model.money import to_paise
from tradectl.model.order import OrderReport, OrderRequest, OrderStatus, OrderType, Side, Variety
from tradectl.ports import Broker

Body = Mapping[str, Any]
AMO_TIMES = frozenset({"PRE_OPEN", "OPEN"})
"""The accepted release times. The simulated exchange releases all orders at the pre-open, so OPEN_30 and OPEN_60 are refused."""
_TAG = re.compile(r"[A-Za-z0-9 _-]{1,25}")
_REQUIRED = (
    "dhanClientId",
    "transactionType",
    "exchangeSegment",
    "productType",
    "orderType",
    "validity",
    "securityId",
    "quantity",
)


def requested(body: Body, listing: DhanList) -> OrderRequest:
    """Return the request to the exchange. Raises DhanError for an order that Dhan itself refuses."""
    if any(not body.get(name) for name in _REQUIRED) or "" in body.values():
        raise bad_value()
    expected = {"exchangeSegment": SEGMENT, "productType": "CNC", "validity": "DAY"}
    if any(body[name] != value for name, value in expected.items()):
        raise bad_value("This sandbox takes delivery orders of shares on NSE for the day.")
    if body["transactionType"] not in set(Side) or body["orderType"] not in set(OrderType):
        raise bad_value()
    tag = str(body.get("correlationId") or "")
    if tag and not _TAG.fullmatch(tag):
        raise bad_value()
    amo = body.get("afterMarketOrder") is True
    if amo and body.get("amoTime") not in AMO_TIMES:
        raise bad_value()
    kind = OrderType(body["orderType"])
    return OrderRequest(
        tag,
        listing.require(str(body["securityId"])).symbol,
        Side(body["transactionType"]),
        _quantity(body["quantity"]),
        _price(body.get("price")) if kind is OrderType.LIMIT else 0,
        kind,
        Variety.AMO if amo else Variety.REGULAR,
    )


def modify(exchange: Broker, known: OrderReport, body: Body) -> None:
    """Serve PUT /orders/{id}. `quantity` in the body is the order's total quantity (release notes of v2)."""
    if str(body.get("orderId")) != known.broker_order_id or body.get("validity") != "DAY" or body.get("orderType") != "LIMIT":
        raise bad_value()
    if known.status is OrderStatus.PENDING and known.variety is Variety.AMO:
        raise DhanError("DH-906", NO_ORDER)
    try:
        exchange.modify(known.broker_order_id, quantity=_quantity(body.get("quantity")), price=_price(body.get("price")))
    except OrderRefused as refusal:
        raise refused_change(refusal) from refusal


def cancel(exchange: Broker, known: OrderReport) -> None:
    """Serve DELETE /orders/{id}."""
    try:
        exchange.cancel(known.broker_order_id)
    except OrderRefused as refusal:
        raise refused_change(refusal) from refusal


def refused_change(refusal: OrderRefused) -> DhanError:
    """Return Dhan's reply to a change that the exchange refuses."""
    return DhanError("DH-906", NO_ORDER) if refusal.code in {"finished", "unknown_order"} else bad_value(refusal.reason)


def _quantity(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise bad_value("quantity is required")
    return value


def _price(value: Any) -> int:
    try:
        return to_paise(str(value))
    except ValueError as error:
        raise bad_value() from error
