"""Parse Dhan's JSON rows into the program's types.

Money becomes exact paise through Decimal. Dhan sends naive times in IST; they become aware times in UTC. Only delivery (CNC) of
shares on NSE and BSE is read. A row identifies its share by a security id. The symbol comes from the day's list, because
`tradingSymbol` may be empty. A row that cannot be read becomes an odd row of that symbol.

Sources: dhanhq.co/docs/v2 (orders, statements, market quote, annexure); rows measured in public repositories, 2026-09.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tradectl.brokers.dhan.error_mapping import rejection
from tradectl.brokers.dhan.instruments import DhanInstrument
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.row_reading import RowFields, is_one_of, read_field, read_quotes, read_rows
from tradectl.brokers.http.strict_json import brief
from tradectl.brokers.http.value_ranges import LIMIT, PRICE, QUANTITY, SHARES, VOLUME, OddValue, Range, about_rupees, whole
from tradectl.model.market import Quote
from tradectl.model.moment import IST, ist_date
from tradectl.model.odd_rows import Quotes, RowKind, Rows
from tradectl.model.order import ALIVE, OrderReport, OrderStatus, Side, TradeReport, Variety
from tradectl.model.series import without_series

Row = Mapping[str, Any]
Known = Callable[[Row], DhanInstrument | None]
"""Returns NSE's list entry for a row; None if the list does not have the share."""
Waits = Callable[[datetime], bool]
"""Returns whether an after-market order that was placed at this moment still waits now."""
SOURCE = "dhan"
SEGMENTS: Mapping[str, str] = {"NSE_EQ": "NSE", "BSE_EQ": "BSE"}
_OTHER_SEGMENTS = frozenset({"IDX_I", "NSE_FNO", "NSE_CURRENCY", "NSE_COMM", "BSE_FNO", "BSE_CURRENCY", "MCX_COMM"})
PRODUCT = "CNC"
_OTHER_PRODUCTS = frozenset({"INTRADAY", "MARGIN", "MTF", "CO", "BO"})
"""Segments and products of rows that are skipped (annexure). A row with any other value becomes an odd row, because it may be an
order of tradectl."""
SERIES_KEY = "series"
"""The key under which `named` adds the series of the share to a row."""
_OWN_TAG = re.compile(r"\d{6,12}-\d{10,14}")
"""The `correlationId` that Dhan writes for an order that was sent without one: client id and time (measured 2026-09)."""
_ID = re.compile(r"[0-9]{1,12}")
"""A security id."""
_FLOAT = Decimal("0.01")
"""Paise by which a float price may differ from a whole number of paise."""
_NO_TIME = ("0001-01-01", "1980-01-01")
"""Dates by which Dhan reports that there is no time."""

_S = OrderStatus
STATUSES: Mapping[str, OrderStatus] = {
    "TRANSIT": _S.PENDING,
    "PENDING": _S.ONGOING,
    "PART_TRADED": _S.ONGOING,
    "TRADED": _S.EXECUTED,
    "REJECTED": _S.REJECTED,
    "CANCELLED": _S.CANCELLED,
    "EXPIRED": _S.CANCELLED,
}
"""Dhan's statuses (annexure), without CLOSED and TRIGGERED of super orders. A status that is not listed is UNKNOWN."""
ENDS = {"REJECTED": "rejected", "EXPIRED": "expired"}
"""The reason of an ended order whose row has none."""


def about_paise(amount: Any, field: str = "") -> int:
    """Return an amount in rupees as paise, rounded; 0 for None."""
    return about_rupees(amount if amount is not None else 0, field)


def price(value: Any, field: str, within: Range = PRICE) -> int:
    """Return a price in paise. Raises OddValue if it is no whole paisa; the error of a float (101.3499984) is accepted."""
    paise = about_rupees(value, field, within)
    if abs(Decimal(str(value).strip()) * 100 - paise) > _FLOAT:
        raise OddValue(field, value)
    return paise


def moment(text: Any) -> datetime | None:
    """Return a time such as `2021-11-24 13:33:03` (IST) in UTC; None if there is no time."""
    if not text or str(text).startswith(_NO_TIME):
        return None
    naive = datetime.fromisoformat(str(text))
    if naive.tzinfo is not None:
        raise ValueError(f"{text} has a time zone")
    return naive.replace(tzinfo=IST).astimezone(UTC)


def concerns(row: Row) -> bool:
    """Return whether an order, a trade or a position is of shares for delivery (CNC).

    Raises OddValue for an unknown segment or product.
    """
    segment = is_one_of(row, "exchangeSegment", SEGMENTS, _OTHER_SEGMENTS)
    return segment and is_one_of(row, "productType", {PRODUCT}, _OTHER_PRODUCTS)


def named(rows: Any, known: Known) -> Any:
    """Return the rows, each with the symbol, series and ISIN of its share in NSE's list.

    A row of an unlisted share is not changed. If `rows` is not a list, it is returned unchanged, and `read_rows` rejects it.
    """
    return [_named(row, known) for row in rows] if isinstance(rows, list) else rows


def _named(row: Any, known: Known) -> Any:
    if not isinstance(row, Mapping) or not _has_id(row):
        return row
    segment = row.get("exchangeSegment")
    if isinstance(segment, str) and segment in _OTHER_SEGMENTS:
        return row
    listed = known(row)
    if listed is None:
        return row
    return {**row, "tradingSymbol": listed.symbol, SERIES_KEY: listed.series, "isin": row.get("isin") or listed.isin}


def _has_id(row: Row) -> bool:
    number = row.get("securityId")
    return isinstance(number, str | int) and not isinstance(number, bool) and _ID.fullmatch(str(number)) is not None


def orders(rows: Any, known: Known, waits: Waits, now: datetime | None = None) -> Rows[OrderReport]:
    """Return the reports of GET /orders. A row with a time after `now` becomes an odd row."""
    return read_rows(
        RowKind.ORDER,
        named(rows, known),
        lambda row: value_ranges.order(order(row, waits, now), now) if concerns(row) else None,
        NAMES,
    )


def order(row: Row, waits: Waits, now: datetime | None = None) -> OrderReport:
    """Return the report of one order.

    `omsErrorDescription` is CONFIRMED on healthy rows, so it is a reason only for a rejected, cancelled or expired order.
    """
    status_text = str(row["orderStatus"])
    status = STATUSES.get(status_text.strip().upper(), _S.UNKNOWN)
    tag = _tag(row)
    latest = value_ranges.latest(tag, now)
    placed = _time(row, "createTime", lambda at: value_ranges.moment(at, latest))
    if placed is None:
        raise OddValue("createTime", row["createTime"])
    present = [name for name in ("updateTime", "exchangeTime") if name in row]
    later = [at for name in present if (at := _time(row, name, lambda at: value_ranges.not_after(at, latest))) is not None]
    amo = _flag(row, "afterMarketOrder")
    if status is _S.ONGOING and amo and waits(placed):
        status = _S.PENDING
    description = str(row.get("omsErrorDescription") or "")
    reason = "" if status in ALIVE or status is _S.EXECUTED else description or ENDS.get(status_text.strip().upper(), "")
    if status is _S.UNKNOWN:
        healthy = "" if description in {"", "CONFIRMED"} else f": {description}"
        reason = f"Dhan's status {status_text!r} is not known{healthy}"
    return OrderReport(
        broker_order_id=value_ranges.identity(row["orderId"], "orderId"),
        tag=tag,
        symbol=symbol(row),
        side=Side(row["transactionType"]),
        quantity=whole(row["quantity"], "quantity", QUANTITY),
        price=_limit(row),
        filled_quantity=whole(row["filledQty"], "filledQty", SHARES),
        status=status,
        reason=brief(reason),
        variety=Variety.AMO if amo else Variety.REGULAR,
        placed_at=placed,
        updated_at=max([placed, *later]),
        passing=status is _S.REJECTED and rejection(reason).passing,
        unknown_word=brief(status_text) if status is _S.UNKNOWN else "",
    )


def trades(rows: Any, known: Known, now: datetime | None = None) -> Rows[TradeReport]:
    """Return the reports of GET /trades.

    The exchanges number their trades anew each day, so a trade id here begins with the day and the exchange.
    """
    return read_rows(
        RowKind.TRADE, named(rows, known), lambda row: value_ranges.trade(_trade(row, now), now) if concerns(row) else None, NAMES
    )


def symbol(row: Row) -> str:
    """Return the symbol of a row that `named` completed. Raises OddValue if its security id or its symbol is invalid."""
    if not _has_id(row):
        raise OddValue("securityId", row["securityId"])
    return read_field(row, "tradingSymbol", lambda text: value_ranges.symbol(without_series(text)))


def quotes(
    data: Mapping[str, Row], symbols: Mapping[str, str], seen: Callable[[datetime], datetime], now: datetime | None = None
) -> Quotes:
    """Return quotes by symbol.

    Args:
        symbols: The symbols by the security ids of the request.
        seen: Takes the time of the last trade and returns the latest time at which its price was still the last one.

    A quote has no time except that of the last trade. A share without a trade is left out.
    """
    listed = ((name, data[key]) for key, name in symbols.items() if key in data)
    return read_quotes(listed, lambda name, row: _quote(name, row, seen, now))


def _tag(row: Row) -> str | None:
    tag = row.get("correlationId")
    return tag_of(value_ranges.tag(tag, "correlationId")) if tag is not None and tag != "" else None


def tag_of(text: str) -> str | None:
    """Return the client tag; None if it is empty or was written by Dhan."""
    return text if text and not _OWN_TAG.fullmatch(text) else None


NAMES = RowFields("tradingSymbol", "orderId", "correlationId", without_series)
"""The fields that identify an odd row. An odd row keeps a tag that Dhan wrote: it shows that tradectl did not send the order."""


def _flag(row: Row, field: str) -> bool:
    value = row.get(field)
    if value is not None and not isinstance(value, bool):
        raise OddValue(field, value)
    return value is True


def _limit(row: Row) -> int:
    """Return the limit price in paise; 0 if there is none. Raises OddValue for a limit order without a price."""
    found = price(row["price"] if row["price"] is not None else 0, "price", LIMIT)
    if not found and row.get("orderType") in {"LIMIT", "STOP_LOSS"}:
        raise OddValue("price", row["price"])
    return found


def traded_at(row: Row, now: datetime | None = None) -> datetime:
    """Return the time of a trade. Raises OddValue if it has none, or if the time is too far from `now`."""
    for name in ("exchangeTime", "updateTime", "createTime"):
        at = _time(row, name, lambda at: value_ranges.moment(at, now))
        if at is not None:
            return at
    raise OddValue("exchangeTime", row["exchangeTime"])


def _time(
    row: Row, name: str, within: Callable[[datetime], datetime], parse: Callable[[Any], datetime | None] = moment
) -> datetime | None:
    """Return the time in a field, read by `parse`; None if there is none. `within` raises if the time is out of range."""

    def read(text: Any) -> datetime | None:
        at = parse(text)
        return within(at) if at is not None else None

    return read_field(row, name, read)


def _trade(row: Row, now: datetime | None) -> TradeReport:
    at = traded_at(row, now)
    exchange = SEGMENTS[row["exchangeSegment"]]
    return TradeReport(
        f"{ist_date(at):%Y%m%d}-{exchange}-{value_ranges.identity(row['exchangeTradeId'], 'exchangeTradeId')}",
        value_ranges.identity(row["orderId"], "orderId"),
        symbol(row),
        Side(row["transactionType"]),
        whole(row["tradedQuantity"], "tradedQuantity", QUANTITY),
        price(row["tradedPrice"], "tradedPrice"),
        at,
    )


def _quote(symbol: str, row: Row, seen: Callable[[datetime], datetime], now: datetime | None) -> Quote | None:
    def within(at: datetime) -> datetime:
        return value_ranges.moment(at, now, value_ranges.AHEAD_QUOTE, None)

    traded = _time(row, "last_trade_time", within, lambda text: _quote_time(str(text)))
    if traded is None:
        return None
    day, opened = row["ohlc"], price(row["ohlc"]["open"], "ohlc.open", LIMIT) or None
    found = Quote(
        symbol,
        price(row["last_price"], "last_price"),
        seen(traded),
        SOURCE,
        last_trade_at=traded,
        open=opened,
        high=price(day["high"], "ohlc.high") if opened else None,
        low=price(day["low"], "ohlc.low") if opened else None,
        volume=whole(row["volume"], "volume", VOLUME) if opened else None,
        lower_band=about_rupees(row.get("lower_circuit_limit") or 0, "lower_circuit_limit", LIMIT) or None,
        upper_band=about_rupees(row.get("upper_circuit_limit") or 0, "upper_circuit_limit", LIMIT) or None,
    )
    return value_ranges.quote(found, now)


def _quote_time(text: str) -> datetime | None:
    """Return a time such as `13/05/2026 09:08:00` (IST) in UTC; None for `01/01/1980 00:00:00`, which means no trade."""
    day, _, clock = text.partition(" ")
    return moment(f"{'-'.join(reversed(day.split('/')))} {clock}")
