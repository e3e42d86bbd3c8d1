"""Parse the JSON rows of the day, each once, into the program's types.

Money becomes exact paise through Decimal. Times are Indian and naive on the wire, aware and UTC here. Only delivery (CNC) of
shares on NSE and BSE is read. A row names its share by a security id; the symbol comes from the day's list, because
`tradingSymbol` may be empty. A row that cannot be read is an odd row under that symbol.

Sources: dhanhq.co/docs/v2 (orders, statements, market quote); rows measured in public repositories, 2026-09.
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
"""Returns NSE's list entry of a row's share; None where the list does not have it."""
Waits = Callable[[datetime], bool]
"""Whether an after-market order that was placed at a moment waits now."""
SOURCE = "dhan"
SEGMENTS: Mapping[str, str] = {"NSE_EQ": "NSE", "BSE_EQ": "BSE"}
_OTHER_SEGMENTS = frozenset({"IDX_I", "NSE_FNO", "NSE_CURRENCY", "NSE_COMM", "BSE_FNO", "BSE_CURRENCY", "MCX_COMM"})
PRODUCT = "CNC"
_OTHER_PRODUCTS = frozenset({"INTRADAY", "MARGIN", "MTF", "CO", "BO"})
"""Segments and products of rows that are not read (annexure). Any other value makes an odd row: it may be an order of the
program."""
SERIES_KEY = "series"
"""Where a row that is named has its share's series."""
_OWN_TAG = re.compile(r"\d{6,12}-\d{10,14}")
"""What Dhan writes where no `correlationId` was sent: client id and time (measured 2026-09)."""
_ID = re.compile(r"[0-9]{1,12}")
"""A security id."""
_FLOAT = Decimal("0.01")
"""Paise by which a price that was a float may differ from the price that was meant."""
_NO_TIME = ("0001-01-01", "1980-01-01")
"""Dates that stand for no time at all."""

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
"""Dhan's statuses (annexure). CLOSED and TRIGGERED are of super orders; any status that is not here is UNKNOWN."""
ENDS = {"REJECTED": "rejected", "EXPIRED": "expired"}
"""The reason of an order that ended, where its row has none."""


def about_paise(amount: Any, field: str = "") -> int:
    """Return an amount in rupees to the nearest paisa; 0 for none."""
    return about_rupees(amount if amount is not None else 0, field)


def price(value: Any, field: str, within: Range = PRICE) -> int:
    """Return a price in paise. It may differ from a whole paisa as a float does (101.3499984), and by no more."""
    paise = about_rupees(value, field, within)
    if abs(Decimal(str(value).strip()) * 100 - paise) > _FLOAT:
        raise OddValue(field, value)
    return paise


def moment(text: Any) -> datetime | None:
    """Return `2021-11-24 13:33:03`, Indian time, in UTC; None for no time."""
    if not text or str(text).startswith(_NO_TIME):
        return None
    naive = datetime.fromisoformat(str(text))
    if naive.tzinfo is not None:
        raise ValueError(f"{text} has a zone")
    return naive.replace(tzinfo=IST).astimezone(UTC)


def concerns(row: Row) -> bool:
    """Return whether an order, a trade or a position is about delivery of shares. Raises OddValue where it has neither."""
    segment = is_one_of(row, "exchangeSegment", SEGMENTS, _OTHER_SEGMENTS)
    return segment and is_one_of(row, "productType", {PRODUCT}, _OTHER_PRODUCTS)


def named(rows: Any, known: Known) -> Any:
    """Return the rows, each with the symbol, series and ISIN of its share in NSE's list. A row of an unlisted share
    stays as it is. `rows` that is no list is returned unchanged, for `read_rows` to reject."""
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
    """Return the rows of GET /orders. `now`: no time of a row may lie after it."""
    return read_rows(
        RowKind.ORDER,
        named(rows, known),
        lambda row: value_ranges.order(order(row, waits, now), now) if concerns(row) else None,
        NAMES,
    )


def order(row: Row, waits: Waits, now: datetime | None = None) -> OrderReport:
    """Return one row of the order book. `omsErrorDescription` is CONFIRMED on healthy rows, so only an ended one has a reason."""
    word = str(row["orderStatus"])
    status = STATUSES.get(word.strip().upper(), _S.UNKNOWN)
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
    told = str(row.get("omsErrorDescription") or "")
    reason = "" if status in ALIVE or status is _S.EXECUTED else told or ENDS.get(word.strip().upper(), "")
    if status is _S.UNKNOWN:
        healthy = "" if told in {"", "CONFIRMED"} else f": {told}"
        reason = f"Dhan's status {word!r} is not known{healthy}"
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
        unknown_word=brief(word) if status is _S.UNKNOWN else "",
    )


def trades(rows: Any, known: Known, now: datetime | None = None) -> Rows[TradeReport]:
    """Return the rows of GET /trades. An exchange's numbers begin anew each day, so the ids here begin with the day and the
    exchange."""
    return read_rows(
        RowKind.TRADE, named(rows, known), lambda row: value_ranges.trade(_trade(row, now), now) if concerns(row) else None, NAMES
    )


def symbol(row: Row) -> str:
    """Return the symbol of a row from `named`. Raises OddValue if its security id or its symbol is invalid."""
    if not _has_id(row):
        raise OddValue("securityId", row["securityId"])
    return read_field(row, "tradingSymbol", lambda text: value_ranges.symbol(without_series(text)))


def quotes(
    data: Mapping[str, Row], symbols: Mapping[str, str], seen: Callable[[datetime], datetime], now: datetime | None = None
) -> Quotes:
    """Return quotes by symbol.

    Args:
        symbols: By the security ids of the request.
        seen: Takes the time of the last trade and returns the latest time at which its price was still the last one.

    A reply has no time but that of the last trade. One without a trade proves nothing about now and is left out.
    """
    listed = ((name, data[key]) for key, name in symbols.items() if key in data)
    return read_quotes(listed, lambda name, row: _quote(name, row, seen, now))


def _tag(row: Row) -> str | None:
    tag = row.get("correlationId")
    return tag_of(value_ranges.tag(tag, "correlationId")) if tag is not None and tag != "" else None


def tag_of(text: str) -> str | None:
    """Return a client tag; None for an empty one and for one that Dhan wrote."""
    return text if text and not _OWN_TAG.fullmatch(text) else None


NAMES = RowFields("tradingSymbol", "orderId", "correlationId", without_series)
"""A tag of Dhan's own stays on an odd row: it shows that the order is not one of the program."""


def _flag(row: Row, field: str) -> bool:
    value = row.get(field)
    if value is not None and not isinstance(value, bool):
        raise OddValue(field, value)
    return value is True


def _limit(row: Row) -> int:
    """Return the price in paise; 0 if there is none. Raises OddValue for a limit order without a price."""
    found = price(row["price"] if row["price"] is not None else 0, "price", LIMIT)
    if not found and row.get("orderType") in {"LIMIT", "STOP_LOSS"}:
        raise OddValue("price", row["price"])
    return found


def traded_at(row: Row, now: datetime | None = None) -> datetime:
    """Return when a trade was made. Raises OddValue where none of its times can be read, or it is too far from `now`."""
    for name in ("exchangeTime", "updateTime", "createTime"):
        at = _time(row, name, lambda at: value_ranges.moment(at, now))
        if at is not None:
            return at
    raise OddValue("exchangeTime", row["exchangeTime"])


def _time(
    row: Row, name: str, within: Callable[[datetime], datetime], parse: Callable[[Any], datetime | None] = moment
) -> datetime | None:
    """Return the time in a field as `parse` reads it; None for no time. `within` returns it, or raises if it is out of range."""

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
    """Return `13/05/2026 09:08:00`, Indian time, in UTC. `01/01/1980 00:00:00` is no trade."""
    day, _, clock = text.partition(" ")
    return moment(f"{'-'.join(reversed(day.split('/')))} {clock}")
