"""Parse the JSON rows of the day, each once, into tradectl's types.

Money becomes exact paise through Decimal; JSON numbers are never read as floats. Kite sends times in IST without a zone; they
become aware times in UTC. Only rows for delivery (CNC) on NSE and BSE are read; other rows are skipped.

Sources: kiteconnect-mocks (orders.json, trades, quote), pykiteconnect 5.2.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from tradectl.brokers.http import strict_json, value_ranges
from tradectl.brokers.http.row_reading import RowFields, is_one_of, read_field, read_quotes, read_rows
from tradectl.brokers.http.value_ranges import LIMIT, PRICE, QUANTITY, SHARES, VOLUME, OddValue, about_rupees, rupees, whole
from tradectl.brokers.kite.error_mapping import refusal
from tradectl.errors import BrokerUnavailable, OrderRefused
from tradectl.model.market import Quote
from tradectl.model.moment import IST, ist_date
from tradectl.model.odd_rows import Quotes, RowKind, Rows
from tradectl.model.order import CLIENT_TAG, OrderReport, OrderStatus, Side, TradeReport, Variety
from tradectl.model.series import TRADE_FOR_TRADE

T = TypeVar("T")
Row = Mapping[str, Any]
SOURCE = "kite"
EXCHANGES = frozenset({"NSE", "BSE"})
_OTHER_EXCHANGES = frozenset({"NFO", "BFO", "CDS", "BCD", "MCX", "NCO", "MF", "NSEIX", "GLOBAL"})
PRODUCT = "CNC"
_OTHER_PRODUCTS = frozenset({"NRML", "MIS", "MTF", "CO", "BO"})
"""The products of rows that are skipped, as `_OTHER_EXCHANGES` (sources: pykiteconnect 5.2.0, kite.trade forum).

Any other value makes an odd row, because it may belong to an order of tradectl."""
_SUFFIX = re.compile(rf"^(.+)-(?:{'|'.join(sorted(TRADE_FOR_TRADE))})$")
"""A symbol with a trade-for-trade series. Kite appends every series except EQ to the symbol (CENTRALBK-BE)."""
_SYSTEM = re.compile(r"(?:mktp|autoslice|iceberg)(?::.*)?", re.IGNORECASE)
"""Tags that Kite itself adds (kiteconnect-mocks orders.json)."""

_S = OrderStatus
STATUSES: Mapping[str, OrderStatus] = {
    "AMO REQ RECEIVED": _S.PENDING,
    "MODIFY AMO REQ RECEIVED": _S.PENDING,
    "CANCEL AMO REQ RECEIVED": _S.PENDING,
    "PUT ORDER REQUEST RECEIVED": _S.PENDING,
    "OPEN QUEUED": _S.PENDING,
    "PUT ORDER REQ RECEIVED": _S.PENDING,
    "VALIDATION PENDING": _S.PENDING,
    "OPEN PENDING": _S.PENDING,
    "OPEN": _S.ONGOING,
    "TRIGGER PENDING": _S.ONGOING,
    "MODIFY VALIDATION PENDING": _S.ONGOING,
    "MODIFY PENDING": _S.ONGOING,
    "MODIFIED": _S.ONGOING,
    "CANCEL PENDING": _S.ONGOING,
    "UPDATE": _S.ONGOING,
    "COMPLETE": _S.EXECUTED,
}
"""Kite's statuses (sources: kiteconnect-mocks order_info, pykiteconnect, openalgo). `status_of` also reads the prefixes
CANCELLED and REJECTED (`CANCELLED AMO` occurs too). Any other status is UNKNOWN."""


def status_of(word: str) -> OrderStatus:
    """Return the order status for Kite's status `word`; UNKNOWN if the table has no such word."""
    word = word.strip().upper()
    for beginning, status in (("CANCELLED", _S.CANCELLED), ("REJECTED", _S.REJECTED)):
        if word.startswith(beginning):
            return status
    return STATUSES.get(word, _S.UNKNOWN)


def parsed(content: bytes, make: Callable[[Any], T]) -> T:
    """Return the result of `make` for the `data` of a reply.

    Raises:
        BrokerUnavailable: The reply cannot be read. It never counts as an empty list.
    """
    try:
        return make(strict_json.read(content, exact=True)["data"])
    except strict_json.UNREADABLE as error:
        why = strict_json.brief(f"{type(error).__name__} {error}")
        raise BrokerUnavailable(f"Kite's reply cannot be read: {why}") from error


def orders(data: Iterable[Row], now: datetime | None = None) -> Rows[OrderReport]:
    """Return the orders of GET /orders. A row with a time after `now` is odd."""
    return read_rows(RowKind.ORDER, data, lambda row: value_ranges.order(_order(row, now), now) if concerns(row) else None, NAMES)


def is_of_another(data: Sequence[Row], tag: str, tradingsymbol: str, side: Side) -> bool:
    """Return whether the newest row of GET /orders/{order_id} differs from the placed order in tag, symbol or side."""
    row = data[-1]
    return _tag(row) not in {None, tag} or (row["tradingsymbol"], row["transaction_type"]) != (tradingsymbol, side.value)


def refused(data: Sequence[Row]) -> OrderRefused | None:
    """Return the refusal in the newest (last) row of GET /orders/{order_id}, None unless it is rejected without a fill."""
    row = data[-1]
    if status_of(row["status"]) is not _S.REJECTED or whole(row["filled_quantity"]):
        return None
    return _refusal(row)


def _refusal(row: Row) -> OrderRefused:
    raw_message = str(row.get("status_message_raw") or "")
    return refusal(strict_json.brief(str(row.get("status_message") or raw_message or "rejected")), raw_message)


def trades(data: Iterable[Row], now: datetime | None = None) -> Rows[TradeReport]:
    """Return the trades of GET /trades. A row has no tag; its order_id names the order."""
    return read_rows(RowKind.TRADE, data, lambda row: value_ranges.trade(_trade(row, now), now) if concerns(row) else None, NAMES)


def quotes(data: Mapping[str, Row], names: Mapping[str, str], now: datetime | None = None) -> Quotes:
    """Return the quotes of GET /quote by symbol. `names` maps each key of the request to its symbol.

    A quote without a `timestamp` may be old, so it is omitted.
    """
    listed = ((symbol, data[key]) for key, symbol in names.items() if key in data)
    return read_quotes(listed, lambda symbol, row: _dated_quote(symbol, row, now))


def _dated_quote(symbol: str, row: Row, now: datetime | None) -> Quote | None:
    return value_ranges.quote(_quote(symbol, row, now), now) if row.get("timestamp") else None


def concerns(row: Row) -> bool:
    """Return whether a row of orders, trades, holdings or positions is for delivery of shares.

    Raises:
        OddValue: The exchange or the product is in none of the lists above.
    """
    exchange = is_one_of(row, "exchange", EXCHANGES, _OTHER_EXCHANGES)
    return exchange and is_one_of(row, "product", {PRODUCT}, _OTHER_PRODUCTS)


def symbol_of(tradingsymbol: str) -> str:
    """Return the exchange's symbol, without the series that Kite appends."""
    found = _SUFFIX.match(tradingsymbol)
    return found[1] if found else tradingsymbol


def symbol(row: Row) -> str:
    """Return the exchange's symbol of a row. Raises OddValue if the row has none."""
    return read_field(row, "tradingsymbol", lambda text: value_ranges.symbol(symbol_of(text)))


NAMES = RowFields("tradingsymbol", "order_id", "tag", symbol_of, tags="tags")


def about_paise(amount: int | Decimal) -> int:
    """Return an amount in paise, rounded, because Kite calculates with floats (99725.05000000002)."""
    return about_rupees(amount)


def moment(text: str) -> datetime:
    """Return the moment (UTC) of a text such as `2021-05-31 09:18:57` in IST. Raises ValueError for other text."""
    naive = datetime.fromisoformat(text)
    if naive.tzinfo is not None:
        raise ValueError(f"{text} has a time zone")
    return naive.replace(tzinfo=IST).astimezone(UTC)


def _order(row: Row, now: datetime | None) -> OrderReport:
    """Return the report of an order row.

    `order_timestamp` is the time of the last request and `exchange_timestamp` that of the exchange's first reply. In a
    cancelled row of the mocks the latter is earlier. `pending_quantity` is not read, because ended orders still have it.
    """
    word = str(row["status"])
    status = status_of(word)
    tag = _tag(row)
    latest = value_ranges.latest(tag, now)
    stamps = [name for name in ("order_timestamp", "exchange_timestamp") if row.get(name)]
    known = [read_field(row, name, lambda text: value_ranges.moment(moment(text), latest)) for name in stamps]
    updated = "exchange_update_timestamp" if row.get("exchange_update_timestamp") else ""
    last = [read_field(row, updated, lambda text: value_ranges.not_after(moment(text), latest))] if updated else []
    reason = str(row.get("status_message") or row.get("status_message_raw") or "")
    if status is _S.UNKNOWN:
        reason = f"Kite's status {word!r} is not known: {reason}".rstrip(": ")
    return OrderReport(
        broker_order_id=value_ranges.identity(row["order_id"]),
        tag=tag,
        symbol=symbol(row),
        side=Side(row["transaction_type"]),
        quantity=whole(row["quantity"], "quantity", QUANTITY),
        price=_limit(row),
        filled_quantity=whole(row["filled_quantity"], "filled_quantity", SHARES),
        status=status,
        reason=strict_json.brief(reason),
        variety=_variety(row),
        placed_at=min(known),
        updated_at=max([*known, *last]),
        passing=status is _S.REJECTED and _refusal(row).passing,
        unknown_word=strict_json.brief(word) if status is _S.UNKNOWN else "",
    )


def _variety(row: Row) -> Variety:
    if not isinstance(row["variety"], str):
        raise OddValue("variety", row["variety"])
    return Variety.AMO if row["variety"] == "amo" else Variety.REGULAR


def _limit(row: Row) -> int:
    """Return the limit price in paise, 0 for a market order. Raises OddValue for LIMIT or SL without a price."""
    price = rupees(row["price"] if row["price"] is not None else 0, "price", LIMIT)
    if not price and row.get("order_type") in {"LIMIT", "SL"}:
        raise OddValue("price", row["price"])
    return price


def _tag(row: Row) -> str | None:
    """Return the client tag that is in `tag` or among `tags`.

    Kite's own tags (`mktp`, `mktp:2.00`, `autoslice`, `iceberg`) are no client tags. Tags of other clients are returned
    unchanged. None means that the row has no client tag.
    """
    more = row.get("tags") or []
    more = [more] if isinstance(more, str) else more
    if not isinstance(more, list):
        raise OddValue("tags", more)
    tags = [("tag", row.get("tag")), *(("tags", tag) for tag in more)]
    for field, tag in tags:
        if tag and not isinstance(tag, str):
            raise OddValue(field, row[field])
    given = [(field, tag) for field, tag in tags if tag and not _SYSTEM.fullmatch(tag)]
    if not given:
        return None
    field, tag = next((item for item in given if CLIENT_TAG.fullmatch(item[1])), given[0])
    return value_ranges.tag(tag, field)


def _trade(row: Row, now: datetime | None) -> TradeReport:
    """Return the report of a trade row. Its id begins with the date and the exchange, because each exchange restarts its
    trade numbers every day."""
    at = read_field(row, "fill_timestamp", lambda text: value_ranges.moment(moment(text), now))
    return TradeReport(
        f"{ist_date(at):%Y%m%d}-{row['exchange']}-{value_ranges.trade_name(row['trade_id'])}",
        value_ranges.identity(row["order_id"]),
        symbol(row),
        Side(row["transaction_type"]),
        whole(row["quantity"], "quantity", QUANTITY),
        rupees(row["average_price"], "average_price", PRICE),
        at,
    )


def _quote(symbol: str, row: Row, now: datetime | None) -> Quote:
    """Return the quote of a row.

    The circuit limits are the band of the session, and during the closing auction that of the auction (kite.trade forum).
    """

    def priced_at(name: str) -> datetime:
        return read_field(row, name, lambda text: value_ranges.moment(moment(text), now, value_ranges.AHEAD_QUOTE, None))

    traded_at = priced_at("last_trade_time") if row.get("last_trade_time") else None
    day = row["ohlc"]
    opened = rupees(day["open"], "ohlc.open", LIMIT) or None
    low = about_rupees(row.get("lower_circuit_limit") or 0, "lower_circuit_limit", LIMIT)
    high = about_rupees(row.get("upper_circuit_limit") or 0, "upper_circuit_limit", LIMIT)
    return Quote(
        symbol,
        rupees(row["last_price"], "last_price", PRICE),
        priced_at("timestamp"),
        SOURCE,
        last_trade_at=traded_at,
        open=opened,
        high=rupees(day["high"], "ohlc.high", PRICE) if opened else None,
        low=rupees(day["low"], "ohlc.low", PRICE) if opened else None,
        volume=whole(row["volume"], "volume", VOLUME) if opened else None,
        lower_band=low or None,
        upper_band=high or None,
    )
