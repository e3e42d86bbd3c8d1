"""Parse OpenAlgo's rows into the program's types.

OpenAlgo sends numbers as numbers or as text; money becomes exact paise through Decimal. Only delivery (CNC) on NSE and BSE is
read. An order row has no tag and no filled quantity. The filled quantity is counted from the trade book, which is read after the
order book, so that it is never older.

Source: openalgo's documentation (orderbook, tradebook, multiquotes) and broker/*/mapping/order_data.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.row_reading import RowFields, is_one_of, read_field, read_rows
from tradectl.brokers.http.strict_json import brief
from tradectl.brokers.http.value_ranges import LIMIT, MONEY, NET, PRICE, QUANTITY, Range
from tradectl.model.odd_rows import OddRow, RowKind, Rows
from tradectl.model.order import OrderReport, OrderStatus, Side, TradeReport, Variety
from tradectl.model.series import without_series

Row = Mapping[str, Any]
Moment = Callable[[str], datetime]
EXCHANGE = "NSE"
EXCHANGES = frozenset({"NSE", "BSE"})
_OTHER_EXCHANGES = frozenset({"NFO", "BFO", "CDS", "BCD", "MCX", "NCO", "NCDEX", "NSE_INDEX", "BSE_INDEX", "MCX_INDEX"})
PRODUCT = "CNC"
_OTHER_PRODUCTS = frozenset({"NRML", "MIS", "MTF", "CO", "BO"})
"""Exchanges and products of rows that are skipped (source: openalgo's documentation, order constants). A row with any other value
becomes an odd row, because it may be an order of tradectl."""
SETTLED = timedelta(minutes=2)
"""After this time a change or cancel is no longer in flight (Zerodha's forum, 41029, reports up to 1.5 minutes)."""
UNTOLD = "OpenAlgo reports no reason"

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
"""OpenAlgo's statuses, and statuses of brokers that some of OpenAlgo's adapters (kotak) pass on. A status that is not listed is
UNKNOWN."""
ENDS = frozenset({_S.REJECTED, _S.CANCELLED})


def whole(value: Any, field: str = "quantity", within: Range = NET) -> int:
    """Return a number of shares that was sent as 10, "10" or 10.0. Raises OddValue for a fraction of a share."""
    return value_ranges.whole(value, field, within)


def about_paise(value: Any, field: str = "", within: Range = MONEY) -> int:
    """Return an amount in rupees as paise, rounded, because an executed order may have its average price.

    Raises OddValue for a missing amount or 0 if `within` excludes 0.
    """
    if not value and within.least > 0:
        raise value_ranges.OddValue(field, value)
    return value_ranges.about_rupees(value or 0, field, within)


def concerns(row: Row) -> bool:
    """Return whether an order, a trade or a position is of shares for delivery (CNC); False for a row with only empty fields.

    Raises OddValue for an unknown exchange or product.
    """
    if not any(row.values()):
        return False
    exchange = is_one_of(row, "exchange", EXCHANGES, _OTHER_EXCHANGES)
    return exchange and is_one_of(row, "product", {PRODUCT}, _OTHER_PRODUCTS)


def symbol(row: Row) -> str:
    """Return the exchange's symbol of a row. Raises OddValue if it is invalid."""
    return read_field(row, "symbol", lambda text: value_ranges.symbol(without_series(text)))


NAMES = RowFields("symbol", "orderid", symbol_of=without_series)


def orders(rows: Sequence[Row], trades: Iterable[TradeReport], moment: Moment, now: datetime) -> Rows[OrderReport]:
    """Return the reports of the order book, in OpenAlgo's order of rows.

    OpenAlgo's Zerodha adapter has a fault. An order that was changed or cancelled a moment ago gets the status of the row before
    it. So REJECTED or CANCELLED that repeats the row above is UNKNOWN for `SETTLED`, until the request cannot be in flight. An
    order counts as EXECUTED only if the trade book has its whole quantity.
    """
    filled: Counter[str] = Counter()
    for trade in trades:
        filled[trade.broker_order_id] += trade.quantity

    def read(row: Row, before: str) -> OrderReport | None:
        if not concerns(row):
            return None
        number = value_ranges.identity(row["orderid"], "orderid")
        at = read_field(row, "timestamp", lambda text: value_ranges.moment(moment(text)))
        return _order(row, filled[number], at, now, repeated=_word(row) == before)

    above = ["", *(_word(row) for row in rows)]
    made = [
        read_rows(RowKind.ORDER, [row], partial(read, before=before), NAMES) for row, before in zip(rows, above, strict=False)
    ]
    return Rows([item for part in made for item in part], [item for part in made for item in part.odd])


def _word(row: Row) -> str:
    """Return the status of a row in lower case; empty if it is missing or not text."""
    word = row.get("order_status") if isinstance(row, Mapping) else None
    return word.strip().lower() if isinstance(word, str) else ""


def side(row: Row) -> Side:
    """Return the side of an order or a trade. Raises ValueError for any text except BUY and SELL."""
    return Side(str(row["action"]).upper())


def _order(row: Row, filled: int, at: datetime, now: datetime, *, repeated: bool) -> OrderReport:
    word, quantity = _word(row), whole(row["quantity"], "quantity", QUANTITY)
    if not isinstance(row["order_status"], str):
        raise value_ranges.OddValue("order_status", row["order_status"])
    if filled > quantity:
        raise value_ranges.OddValue("quantity", f"{quantity}, of which {filled} are traded")
    status = STATUSES.get(word, _S.UNKNOWN)
    unknown_word = brief(word) if status is _S.UNKNOWN else ""
    reason = UNTOLD if status is _S.REJECTED else ""
    if status is _S.UNKNOWN:
        reason = brief(f"OpenAlgo's status {word!r} is not known")
    elif status is _S.EXECUTED and filled < quantity:
        status = _S.ONGOING
    elif status in ENDS and repeated and now - at < SETTLED:
        status, reason = _S.UNKNOWN, f"status {word!r} may belong to the previous row: tradectl accepts it after two minutes"
    made = OrderReport(
        broker_order_id=value_ranges.identity(row["orderid"], "orderid"),
        tag=None,
        symbol=symbol(row),
        side=side(row),
        quantity=quantity,
        price=_limit(row),
        filled_quantity=filled,
        status=status,
        reason=reason,
        variety=Variety.REGULAR,
        placed_at=at,
        updated_at=at,
        unknown_word=unknown_word,
    )
    return value_ranges.order(made, now)


def _limit(row: Row) -> int:
    """Return the limit price in paise; 0 for a market order. Raises OddValue for a limit order without a price."""
    price = about_paise(row["price"], "price", LIMIT)
    if not price and str(row.get("pricetype") or "").upper() in {"LIMIT", "SL"}:
        raise value_ranges.OddValue("price", row["price"])
    return price


def trades(rows: Iterable[Row], moment: Moment, now: datetime | None = None) -> Rows[TradeReport]:
    """Return the reports of the trade book.

    A row without a trade id gets one from its order id, time of day, quantity and price. Equal rows are numbered. So a trade has
    the same id in every read. The date is not part of the id, because OpenAlgo does not send it.
    """

    def read(row: Row) -> TradeReport | None:
        return value_ranges.trade(_trade(row, moment, now), now) if concerns(row) else None

    read_ones = read_rows(RowKind.TRADE, rows, read, NAMES)
    disputed = _disputed(read_ones)
    numbers = {row.broker_order_id for row in disputed}
    seen: Counter[str] = Counter()
    found: list[TradeReport] = []
    for trade in read_ones:
        name = trade.trade_id
        if name.endswith(_TO_BE_NUMBERED):
            seen[name] += 1
            name = f"{name}{seen[name]}"
        if trade.broker_order_id not in numbers:
            found.append(replace(trade, trade_id=name))
    return Rows(found, (*read_ones.odd, *disputed))


_TO_BE_NUMBERED = "-"


def _disputed(trades: Iterable[TradeReport]) -> list[OddRow]:
    """Return odd rows for orders whose trades have more than one symbol or side: one odd row for each symbol."""
    terms: dict[str, set[tuple[str, Side]]] = {}
    for trade in trades:
        terms.setdefault(trade.broker_order_id, set()).add((trade.symbol, trade.side))
    return [
        OddRow(RowKind.TRADE, name, "orderid", f"{number}, whose trades have {len(found)} symbols or sides", number)
        for number, found in terms.items()
        if len(found) > 1
        for name in sorted({name for name, _ in found})
    ]


def _trade(row: Row, moment: Moment, now: datetime | None) -> TradeReport:
    """Return the report of one trade. If its row has no trade id, the id ends in `_TO_BE_NUMBERED`."""
    quantity = whole(row["quantity"], "quantity", QUANTITY)
    price = about_paise(row["average_price"], "average_price", PRICE)
    at = read_field(row, "timestamp", lambda text: value_ranges.moment(moment(text), now))
    number = value_ranges.identity(row["orderid"], "orderid")
    trade_id = row.get("tradeid")
    name = value_ranges.trade_name(trade_id, "tradeid") if trade_id not in {None, ""} else ""
    if not name:
        text = row["timestamp"].strip().split(" ")
        clock = next((word for word in text if ":" in word), text[0])
        name = f"{clock}-{quantity}x{price}{_TO_BE_NUMBERED}"
    return TradeReport(
        f"{number}/{name}",
        number,
        symbol(row),
        side(row),
        quantity,
        price,
        at,
    )
