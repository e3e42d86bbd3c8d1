"""Kotak's rows, each read once into our own words: exact paise, aware moments in UTC, our statuses.

A row that cannot be read raises ValueError or KeyError, and with it the whole answer is worth nothing: half a book would look
like a book. Rows of other segments and products are not ours to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from tradectl.brokers import storable
from tradectl.brokers.kotak_neo.judging import refusal
from tradectl.brokers.kotak_neo.paths import SEGMENT
from tradectl.brokers.strict_json import brief
from tradectl.model.market import Quote
from tradectl.model.moment import at_ist
from tradectl.model.money import to_paise
from tradectl.model.order import Funds, Holding, OrderReport, OrderStatus, Side, TradeReport, Variety

S = OrderStatus
STATUSES = {
    "put order req received": S.PENDING,
    "validation pending": S.PENDING,
    "open pending": S.PENDING,
    "after market order req received": S.PENDING,
    "modify after market order req received": S.PENDING,
    "open": S.ONGOING,
    "trigger pending": S.ONGOING,
    "modify validation pending": S.ONGOING,
    "modify pending": S.ONGOING,
    "modified": S.ONGOING,
    "cancel pending": S.ONGOING,
    "complete": S.EXECUTED,
    "traded": S.EXECUTED,
    "rejected": S.REJECTED,
    "cancelled": S.CANCELLED,
    "cancelled after market order": S.CANCELLED,
}
"""`ordSt` in lower case."""
QUEUED = frozenset({"after market order req received", "modify after market order req received"})
_AFTER_MARKET = QUEUED | {"cancelled after market order"}
TRADE_FOR_TRADE = frozenset({"BE", "BZ"})
"""Series whose shares cannot be sold on the day on which they were bought."""
SOURCE = "kotak_neo"
PRODUCT = "CNC"
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_NOTHING = frozenset({"", "--", "-", "NA"})
_SIDES = {"B": Side.BUY, "S": Side.SELL}
_SERIES = re.compile(r"-[A-Z0-9]{1,2}$")
_CANCELLED_TAG = re.compile(r"^(?P<tag>[^-].*)-\d{9,}$")
_NEVER = re.compile(r"0001[/-]|\d{1,2}-[A-Za-z]{3}-0001\b")
_WRITTEN_OVER = "ADMINAPI"

Row = Mapping[str, Any]


def ours(rows: Sequence[Row]) -> list[Row]:
    """Rows about delivery (CNC) in the cash segment of NSE, as every order of ours is. What the same user trades within the day
    (MIS) is shares that nobody holds: a sale of them takes nothing from what was bought for delivery."""
    return [row for row in rows if row["exSeg"] == SEGMENT and row["prod"] == PRODUCT]


def order_report(row: Row) -> OrderReport:
    """An order of the book. An unknown status is UNKNOWN, with Kotak's word for it as the reason."""
    word = str(row["ordSt"]).strip().lower()
    status = STATUSES.get(word, S.UNKNOWN)
    reason = brief(_text(row.get("rejRsn")))
    placed_at = _first(row, "ordDtTm", "ordEntTm", "hsUpTm")
    made = OrderReport(
        str(row["nOrdNo"]),
        tag_of(_text(row.get("GuiOrdId"))),
        symbol_of(str(row["trdSym"])),
        _SIDES[row["trnsTp"]],
        int(row["qty"]),
        to_paise(str(row["prc"])),
        int(row["fldQty"]),
        status,
        reason if status is not S.UNKNOWN else brief(f"Kotak says {word!r}"),
        Variety.AMO if word in _AFTER_MARKET else Variety.REGULAR,
        placed_at,
        _first(row, "hsUpTm", "exCfmTm", "ordDtTm"),
        passing=status is S.REJECTED and refusal(reason).passing,
        unknown_word=brief(word) if status is S.UNKNOWN else "",
    )
    return storable.order(made)


def trade_report(row: Row) -> TradeReport:
    """One execution. Numbers of fills begin anew each day, so ours have the day before them."""
    day = _date(str(row["flDt"]))
    made = TradeReport(
        f"{day:%Y%m%d}-{row['flId']}",
        str(row["nOrdNo"]),
        symbol_of(str(row["trdSym"])),
        _SIDES[row["trnsTp"]],
        int(row["fldQty"]),
        to_paise(str(row["avgPrc"])),
        moment(f"{row['flDt']} {row['flTm']}"),
    )
    return storable.trade(made)


def is_queued(row: Row) -> bool:
    """Whether the row says of its order that it waits as an after-market order."""
    return str(row["ordSt"]).strip().lower() in QUEUED


def holdings(held: Sequence[Row], positions: Sequence[Row], isin_of: Callable[[str], str] = lambda _: "") -> tuple[Holding, ...]:
    """What is held: the depository's shares, and those that were bought for delivery today, which are positions only. The row of
    another exchange is the same shares once more. `isin_of`: the ISIN behind a token of the list, which a row does not have."""
    found: dict[str, Holding] = {}
    for row in held:
        if row["exchangeSegment"] == SEGMENT:
            symbol = str(row["symbol"])
            isin = isin_of(str(row.get("exchangeIdentifier") or ""))
            found[symbol] = Holding(symbol, int(row["quantity"]), 0, int(row["sellableQuantity"]), isin=isin)
    for row in ours(positions):
        bought = _fresh(row)
        if bought <= 0:
            continue  # what was sold is taken off by the holdings themselves
        symbol, series = symbol_of(str(row["trdSym"])), str(row.get("series") or "")
        known = found.get(symbol, Holding(symbol, 0, 0, 0))
        sellable = known.sellable + (0 if series in TRADE_FOR_TRADE else bought)
        found[symbol] = replace(known, t1_quantity=bought, sellable=sellable)
    return tuple(map(storable.holding, found.values()))


def positions_of(trades: Sequence[Row], today: date) -> list[Row]:
    """Return what the positions would tell of a day's trades, as far as `holdings` reads it."""
    found: dict[str, dict[str, Any]] = {}
    for row in trades:
        if _date(str(row["flDt"])) == today:
            name = str(row["trdSym"])
            of = {
                "exSeg": SEGMENT,
                "prod": PRODUCT,
                "trdSym": name,
                "series": name.rpartition("-")[2],
                "flBuyQty": 0,
                "flSellQty": 0,
            }
            found.setdefault(name, of)["flBuyQty" if _SIDES[row["trnsTp"]] is Side.BUY else "flSellQty"] += int(row["fldQty"])
    return list(found.values())


def funds(row: Row) -> Funds:
    """`Net` is what may be spent now. Kotak reckons in binary fractions, so its figures are rounded to the paisa."""
    available, blocked = _rounded(row["Net"]), _rounded(row["MarginUsed"])
    return Funds(available, blocked, available + blocked)


def quote(row: Row, symbol: str) -> Quote | None:
    """A quote; its time is that of the last change of what it shows, which need not be a trade. None where nothing has traded."""
    last = _price(row["ltp"])
    if last is None:
        return None
    at = datetime.fromtimestamp(int(row["lstup_time"]), UTC)
    day, volume = row.get("ohlc") or {}, int(row.get("last_volume") or 0)
    opened = _price(day.get("open")) if volume else None
    return Quote(
        symbol,
        last,
        at,
        SOURCE,
        last_trade_at=at if opened is not None else None,
        open=opened,
        high=_price(day.get("high")) if volume else None,
        low=_price(day.get("low")) if volume else None,
        volume=volume,
        lower_band=_price(row.get("low_price_range")),
        upper_band=_price(row.get("high_price_range")),
    )


def tag_of(written: str) -> str | None:
    """Our tag in `GuiOrdId`. A cancel writes a time behind it; a change writes something else over it, and it is lost."""
    if not written or written.endswith(_WRITTEN_OVER) or f"-{_WRITTEN_OVER}-" in written:
        return None
    cancelled = _CANCELLED_TAG.match(written)
    return cancelled["tag"] if cancelled else written


def symbol_of(trading_symbol: str) -> str:
    """The exchange's symbol, without the series behind it: `M&M-EQ`, `BAJAJ-AUTO-EQ`."""
    return _SERIES.sub("", trading_symbol)


def moment(text: str) -> datetime:
    """An Indian time in any of Kotak's ways of writing one. ValueError for any other."""
    words = text.replace(": ", ":").split()
    if len(words) != 2:
        raise ValueError(f"{text!r} is not a moment")
    return at_ist(_date(words[0]), time.fromisoformat(words[1])).astimezone(UTC)


def _date(text: str) -> date:
    """`22-Jan-2025` or `2025/01/22`, whatever language the machine speaks."""
    if "/" in text:
        return date.fromisoformat(text.replace("/", "-"))
    day, month, year = text.split("-")
    if month.lower() not in _MONTHS:
        raise ValueError(f"{text!r} is not a date")
    return date(int(year), _MONTHS[month.lower()], int(day))


def _first(row: Row, *names: str) -> datetime:
    """The first of these times that is there, else the one in seconds. The year 1 stands for no time."""
    for name in names:
        text = _text(row.get(name))
        if text and not _NEVER.match(text):
            return moment(str(row[name]))
    return datetime.fromtimestamp(int(row["boeSec"]), UTC)


def _fresh(row: Row) -> int:
    """Shares bought less those sold today. What was carried (`cf…`) is among the holdings already."""
    return int(row["flBuyQty"]) - int(row["flSellQty"])


def _text(value: Any) -> str:
    text = str(value if value is not None else "").strip()
    return "" if text in _NOTHING else text


def _price(value: Any) -> int | None:
    """Paise; None for nothing or zero."""
    text = _text(value)
    return (to_paise(text) or None) if text else None


def _rounded(rupees: Any) -> int:
    try:
        return int((Decimal(str(rupees)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
    except InvalidOperation as error:
        raise ValueError(f"{rupees!r} is not an amount") from error
