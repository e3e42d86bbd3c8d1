"""OpenAlgo's rows, each parsed once, here, into our own words.

Numbers come as numbers or as text; money becomes exact paise through Decimal. Only delivery (CNC) on NSE and BSE concerns us. An
order row has no tag and does not say what is filled: that is counted from the trade book, which is read after the order book, so
that it is never the older of the two.

Source: openalgo's documentation (orderbook, tradebook, multiquotes) and broker/*/mapping/order_data.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tradectl.brokers import storable
from tradectl.brokers.strict_json import brief
from tradectl.model.order import OrderReport, OrderStatus, Side, TradeReport, Variety

Row = Mapping[str, Any]
Moment = Callable[[str], datetime]
EXCHANGE = "NSE"
EXCHANGES = frozenset({"NSE", "BSE"})
PRODUCT = "CNC"
SETTLED = timedelta(minutes=2)
"""After this long a request about an order is no longer on its way (up to 1.5 minutes were reported at Zerodha, forum 41029)."""
UNTOLD = "OpenAlgo does not tell why"
_SUFFIX = re.compile(r"-(?:EQ|BE|BZ)$")

_S = OrderStatus
STATUSES: Mapping[str, OrderStatus] = {
    "open": _S.ONGOING,
    "trigger pending": _S.ONGOING,
    "pending": _S.ONGOING,
    "complete": _S.EXECUTED,
    "rejected": _S.REJECTED,
    "cancelled": _S.CANCELLED,
    "put order req received": _S.PENDING,
    "validation pending": _S.PENDING,
    "open pending": _S.PENDING,
    "modify validation pending": _S.ONGOING,
    "modify pending": _S.ONGOING,
    "modified": _S.ONGOING,
    "cancel pending": _S.ONGOING,
    "open queued": _S.PENDING,
    "put order request received": _S.PENDING,
    "amo req received": _S.PENDING,
    "modify amo req received": _S.PENDING,
    "cancel amo req received": _S.PENDING,
    "after market order req received": _S.PENDING,
    "modify after market order req received": _S.PENDING,
    "cancelled after market order": _S.CANCELLED,
    "cancelled amo": _S.CANCELLED,
}
"""OpenAlgo's words first, then those of the broker behind that some of its adapters (kotak) pass on. Any other word is UNKNOWN,
never guessed."""
ENDS = frozenset({_S.REJECTED, _S.CANCELLED})


def whole(value: Any) -> int:
    """A number of shares, told as 10, "10" or 10.0. ValueError for a part of one."""
    number = Decimal(str(value))
    if number != int(number):
        raise ValueError(f"{value!r} is no whole number")
    return int(number)


def about_paise(value: Any) -> int:
    """Rupees to the nearest paisa: an executed order may be shown with its average price."""
    return storable.paise(int((Decimal(str(value or 0)) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)))


def symbol_of(text: str) -> str:
    """The exchange's symbol without a series, which some adapters leave on."""
    return _SUFFIX.sub("", text)


def concerns(row: Row) -> bool:
    """Whether an order, a trade or a position is about delivery of shares."""
    return row["exchange"] in EXCHANGES and row["product"] == PRODUCT


def orders(rows: Sequence[Row], trades: Iterable[TradeReport], moment: Moment, now: datetime) -> tuple[OrderReport, ...]:
    """The order book, in OpenAlgo's order of rows.

    In its Zerodha adapter a row in flight (changed or cancelled a moment ago) has the word of the row before it, and the time of
    that request. So an end that repeats the word above it is believed once it cannot be in flight any more; until then nobody
    knows. EXECUTED is believed with its trades alone.
    """
    filled: Counter[str] = Counter()
    for trade in trades:
        filled[trade.broker_order_id] += trade.quantity
    above = ["", *(_word(row) for row in rows)]
    return tuple(
        _order(row, filled[str(row["orderid"])], moment(str(row["timestamp"])), now, repeated=_word(row) == before)
        for row, before in zip(rows, above, strict=False)
        if concerns(row)
    )


def _word(row: Row) -> str:
    return str(row["order_status"]).strip().lower()


def side(row: Row) -> Side:
    """Return the side of an order or a trade. ValueError for another word."""
    return Side(str(row["action"]).upper())


def _order(row: Row, filled: int, at: datetime, now: datetime, *, repeated: bool) -> OrderReport:
    word, quantity = _word(row), whole(row["quantity"])
    if filled > quantity:
        raise ValueError(f"{filled} of {quantity} shares of order {row['orderid']} are traded")
    status = STATUSES.get(word, _S.UNKNOWN)
    unknown_word = brief(word) if status is _S.UNKNOWN else ""
    reason = UNTOLD if status is _S.REJECTED else ""
    if status is _S.UNKNOWN:
        reason = brief(f"OpenAlgo's status {word!r} is not known")
    elif status is _S.EXECUTED and filled < quantity:
        status = _S.ONGOING
    elif status in ENDS and repeated and now - at < SETTLED:
        status, reason = _S.UNKNOWN, f"its status {word!r} may be that of the row before it: it is believed after two minutes"
    made = OrderReport(
        str(row["orderid"]),
        None,
        symbol_of(row["symbol"]),
        side(row),
        quantity,
        about_paise(row["price"]),
        filled,
        status,
        reason,
        Variety.REGULAR,
        at,
        at,
        unknown_word=unknown_word,
    )
    return storable.order(made)


def trades(rows: Iterable[Row], moment: Moment) -> tuple[TradeReport, ...]:
    """The trade book. Where a row has no id of its own one is made of all that it says, equal rows numbered, without the date
    (which is not told): the same trade has the same id however often and whenever it is read."""
    seen: Counter[str] = Counter()
    return tuple(storable.trade(_trade(row, seen, moment)) for row in rows if concerns(row))


def _trade(row: Row, seen: Counter[str], moment: Moment) -> TradeReport:
    quantity, price, at = whole(row["quantity"]), about_paise(row["average_price"]), moment(str(row["timestamp"]))
    if quantity <= 0 or price <= 0:
        raise ValueError(f"a trade of {quantity} shares at {price} paise")
    name = str(row.get("tradeid") or "").strip()
    if not name:
        text = str(row["timestamp"]).strip().split(" ")
        clock = next((word for word in text if ":" in word), text[0])
        made = f"{clock}-{quantity}x{price}"
        key = f"{row['orderid']}/{made}"
        seen[key] += 1
        name = f"{made}-{seen[key]}"
    return TradeReport(
        f"{row['orderid']}/{name}",
        str(row["orderid"]),
        symbol_of(row["symbol"]),
        side(row),
        quantity,
        price,
        at,
    )
