"""The JSON rows of the day, each parsed once, here, into our own words.

Money becomes exact paise through Decimal; times are Indian and naive on the wire, aware and UTC here. Only delivery (CNC) of
shares on NSE and BSE concerns us. A row names its share by a security id; the day's list says which symbol that is, because
`tradingSymbol` may be empty.

Sources: dhanhq.co/docs/v2 (orders, statements, market quote); rows measured in public repositories, 2026-09.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tradectl.brokers import storable
from tradectl.brokers.dhan.judging import rejection
from tradectl.brokers.strict_json import brief
from tradectl.model.market import Quote
from tradectl.model.moment import IST, ist_date
from tradectl.model.order import ALIVE, OrderReport, OrderStatus, Side, TradeReport, Variety

Row = Mapping[str, Any]
Named = Callable[[Row], str]
"""The exchange's symbol of the share that a row is about."""
Waits = Callable[[datetime], bool]
"""Whether an after-market order that was placed at a moment waits now."""
SOURCE = "dhan"
SEGMENTS: Mapping[str, str] = {"NSE_EQ": "NSE", "BSE_EQ": "BSE"}
PRODUCT = "CNC"
_OWN_TAG = re.compile(r"\d{6,12}-\d{10,14}")
"""What Dhan writes where no `correlationId` was sent: client id and time (measured 2026-09)."""
_SUFFIX = re.compile(r"-(?:EQ|BE|BZ)$")
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
"""Dhan's words (annexure). CLOSED and TRIGGERED are of super orders; any word that is not here is UNKNOWN."""
ENDS = {"REJECTED": "rejected", "EXPIRED": "expired"}
"""The reason of an order that ended, where its row tells none."""


def symbol_of(trading_symbol: str) -> str:
    """Return the exchange's symbol without a series."""
    return _SUFFIX.sub("", trading_symbol)


def about_paise(amount: Any) -> int:
    """Return an amount in rupees to the nearest paisa."""
    return storable.paise(int((Decimal(str(amount or 0)) * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP)))


def whole(value: Any) -> int:
    """Return a number of shares. ValueError for a part of one."""
    number = Decimal(str(value))
    if number != int(number):
        raise ValueError(f"{value!r} is no whole number")
    return int(number)


def moment(text: Any) -> datetime | None:
    """Return `2021-11-24 13:33:03`, Indian time, in UTC; None for no time."""
    if not text or str(text).startswith(_NO_TIME):
        return None
    naive = datetime.fromisoformat(str(text))
    if naive.tzinfo is not None:
        raise ValueError(f"{text} has a zone")
    return naive.replace(tzinfo=IST).astimezone(UTC)


def concerns(row: Row) -> bool:
    """Return whether an order, a trade or a position is about delivery of shares."""
    return row["exchangeSegment"] in SEGMENTS and row["productType"] == PRODUCT


def orders(rows: Iterable[Row], named: Named, waits: Waits) -> tuple[OrderReport, ...]:
    """GET /orders."""
    return tuple(order(row, named, waits) for row in rows if concerns(row))


def order(row: Row, named: Named, waits: Waits) -> OrderReport:
    """Return one row of the order book. `omsErrorDescription` is CONFIRMED on healthy rows, so only an ended one has a reason."""
    word = str(row["orderStatus"])
    status = STATUSES.get(word, _S.UNKNOWN)
    placed = moment(row["createTime"])
    if placed is None:
        raise ValueError("an order without a time")
    later = [at for name in ("updateTime", "exchangeTime") if (at := moment(row.get(name))) is not None]
    amo = row.get("afterMarketOrder") is True
    if status is _S.ONGOING and amo and waits(placed):
        status = _S.PENDING
    told = str(row.get("omsErrorDescription") or "")
    reason = "" if status in ALIVE or status is _S.EXECUTED else told or ENDS.get(word, "")
    if status is _S.UNKNOWN:
        reason = f"Dhan's status {word!r} is not known"
    return storable.order(
        OrderReport(
            str(row["orderId"]),
            _tag(row),
            named(row),
            Side(row["transactionType"]),
            whole(row["quantity"]),
            about_paise(row["price"]),
            whole(row["filledQty"]),
            status,
            brief(reason),
            Variety.AMO if amo else Variety.REGULAR,
            placed,
            max([placed, *later]),
            passing=status is _S.REJECTED and rejection(reason).passing,
        )
    )


def trades(rows: Iterable[Row], named: Named) -> tuple[TradeReport, ...]:
    """GET /trades. An exchange's numbers begin anew each day, so ours have the day and the exchange before them."""
    return tuple(storable.trade(_trade(row, named)) for row in rows if concerns(row))


def quotes(data: Mapping[str, Row], symbols: Mapping[str, str], seen: Callable[[datetime], datetime]) -> dict[str, Quote]:
    """Return quotes by symbol. `symbols`: by the security ids that were asked; `seen`: when a price was the last one, by the time
    of its trade. A reply has no time but that of the last trade; one without a trade proves nothing about now and is left out."""
    found = {symbols[key]: _quote(symbols[key], row, seen) for key, row in data.items() if key in symbols}
    return {symbol: quote for symbol, quote in found.items() if quote is not None}


def _tag(row: Row) -> str | None:
    tag = str(row.get("correlationId") or "")
    return tag if tag and not _OWN_TAG.fullmatch(tag) else None


def _trade(row: Row, named: Named) -> TradeReport:
    at = moment(row["exchangeTime"]) or moment(row["updateTime"]) or moment(row["createTime"])
    if at is None:
        raise ValueError("a trade without a time")
    return TradeReport(
        f"{ist_date(at):%Y%m%d}-{SEGMENTS[row['exchangeSegment']]}-{row['exchangeTradeId']}",
        str(row["orderId"]),
        named(row),
        Side(row["transactionType"]),
        whole(row["tradedQuantity"]),
        about_paise(row["tradedPrice"]),
        at,
    )


def _quote(symbol: str, row: Row, seen: Callable[[datetime], datetime]) -> Quote | None:
    traded = _quote_time(str(row["last_trade_time"]))
    if traded is None:
        return None
    day, opened = row["ohlc"], about_paise(row["ohlc"]["open"]) or None
    return Quote(
        symbol,
        about_paise(row["last_price"]),
        seen(traded),
        SOURCE,
        last_trade_at=traded,
        open=opened,
        high=about_paise(day["high"]) if opened else None,
        low=about_paise(day["low"]) if opened else None,
        volume=whole(row["volume"]) if opened else None,
        lower_band=about_paise(row.get("lower_circuit_limit")) or None,
        upper_band=about_paise(row.get("upper_circuit_limit")) or None,
    )


def _quote_time(text: str) -> datetime | None:
    """Return `13/05/2026 09:08:00`, Indian time, in UTC. `01/01/1980 00:00:00` is no trade."""
    day, _, clock = text.partition(" ")
    return moment(f"{'-'.join(reversed(day.split('/')))} {clock}")
