"""Check order commands as Kite does, and convert them to requests to the exchange.

At Kite a repeated tag makes a second order, although the simulated exchange would refuse it. An after-market order is changed by
the path `amo` until its release, and by `regular` afterwards. After the release, the path `amo` times out and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from tradectl.lab.sandboxes.kite.errors import KiteError, invalid
from tradectl.lab.sandboxes.kite.listing import KiteList
from tradectl.lab.sandboxes.kite.rows import waits
from tradectl.model.money import to_paise
from tradectl.model.order import OrderReport, OrderRequest, OrderType, Side, Variety
from tradectl.ports import Broker

VARIETIES = {"regular": Variety.REGULAR, "amo": Variety.AMO}
TAG = 20
UNPROTECTED = (
    "Market orders without market protection are not allowed via API. Please set market protection or use a Limit order."
)


def requested(variety: str, form: Mapping[str, str], listing: KiteList) -> OrderRequest:
    """Convert POST /orders/{variety} to a request to the exchange. Raises KiteError for an order that Kite itself refuses."""
    for name, only in (("exchange", "NSE"), ("product", "CNC"), ("validity", "DAY")):
        if form.get(name, only if name == "validity" else "") != only:
            raise invalid(f"Invalid `{name}`.")
    if form.get("transaction_type") not in set(Side) or form.get("order_type") not in set(OrderType):
        raise invalid("Invalid `transaction_type` or `order_type`.")
    kind = OrderType(form["order_type"])
    if kind is OrderType.MARKET and form.get("market_protection", "0") == "0":
        raise invalid(UNPROTECTED)
    tag = form.get("tag", "")
    if len(tag) > TAG:
        raise invalid(f"Invalid `tag`. It is at most {TAG} characters long.")
    symbol = listing.require(form.get("tradingsymbol", "")).instrument.symbol
    price = _price(form.get("price", "")) if kind is OrderType.LIMIT else 0
    side, quantity = Side(form["transaction_type"]), _quantity(form.get("quantity", ""))
    return OrderRequest(tag, symbol, side, quantity, price, kind, _variety(variety))


def modify(exchange: Broker, books: Broker, variety: str, order_id: str, form: Mapping[str, str]) -> str:
    """Serve PUT /orders/{variety}/{order_id}; return the id. Absent terms stay. `books`: where Kite looks up the order."""
    report = _changeable(books, variety, order_id)
    kind = form.get("order_type", "LIMIT" if report.price else "MARKET")
    if kind != ("LIMIT" if report.price else "MARKET"):
        raise invalid("This sandbox does not change the type of an order.")
    quantity = _quantity(form["quantity"]) if form.get("quantity") else report.quantity
    price = _price(form["price"]) if form.get("price") and report.price else report.price
    exchange.modify(order_id, quantity=quantity, price=price)
    return order_id


def cancel(exchange: Broker, books: Broker, variety: str, order_id: str) -> str:
    """Serve DELETE /orders/{variety}/{order_id}; return the id."""
    _changeable(books, variety, order_id)
    exchange.cancel(order_id)
    return order_id


def find(exchange: Broker, order_id: str) -> OrderReport:
    """Return an order by its id. Raises KiteError 400."""
    for report in exchange.orders():
        if report.broker_order_id == order_id:
            return report
    raise invalid("Couldn't find that `order_id`.")


def _changeable(books: Broker, variety: str, order_id: str) -> OrderReport:
    report, path = find(books, order_id), _variety(variety)
    if path is Variety.AMO and not waits(report):
        raise KiteError(503, "NetworkException", "The request to the OMS timed out.")
    if path is Variety.REGULAR and waits(report):
        raise invalid("This is an after market order.")
    return report


def _variety(name: str) -> Variety:
    if name not in VARIETIES:
        raise KiteError(405, "GeneralException", "Request method not allowed")
    return VARIETIES[name]


def _quantity(text: str) -> int:
    if not text.isdigit():
        raise invalid("Invalid `quantity`.")
    return int(text)


def _price(text: str) -> int:
    try:
        return to_paise(Decimal(text))
    except (ValueError, InvalidOperation) as error:
        raise invalid("Invalid `price`.") from error
