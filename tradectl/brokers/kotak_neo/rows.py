"""Parse Kotak's rows into the program's types, with exact paise and aware times in UTC.

A row that cannot be read becomes an odd row (`row_reading`), which stops the trading of its symbol. Rows of other segments and
products are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from msgspec.structs import replace

from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.row_reading import (
    RowFields,
    is_one_of,
    read_field,
    read_quotes,
    read_row,
    read_rows,
    readable_holdings,
)
from tradectl.brokers.http.strict_json import brief
from tradectl.brokers.http.value_ranges import LIMIT, PRICE, QUANTITY, SHARES, VOLUME, Range, about_rupees, rupees, whole
from tradectl.brokers.kotak_neo.error_mapping import refusal
from tradectl.brokers.kotak_neo.paths import SEGMENT
from tradectl.model.market import Quote
from tradectl.model.moment import at_ist
from tradectl.model.odd_rows import OddRow, Quotes, RowKind, Rows
from tradectl.model.order import Funds, Holding, OrderReport, OrderStatus, Side, TradeReport, Variety
from tradectl.model.series import TRADE_FOR_TRADE

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
"""The status of an order by Kotak's `ordSt` in lower case."""
QUEUED = frozenset({"after market order req received", "modify after market order req received"})
_AFTER_MARKET = QUEUED | {"cancelled after market order"}
SOURCE = "kotak_neo"
PRODUCT = "CNC"
_OTHER_SEGMENTS = frozenset({"bse_cm", "nse_fo", "bse_fo", "cde_fo", "bcs_fo", "mcx_fo", "mcx", "nse_com", "bse_com"})
_OTHER_PRODUCTS = frozenset({"NRML", "MIS", "MTF", "CO", "BO", "INTRADAY"})
"""Segments and products of rows that are skipped (source: kotakneoapi 3.0.9). A row with any other value becomes an odd row,
because it may be an order of tradectl."""
_SECONDS = Range(946_684_800, 4_102_444_800)
"""The range of times that are read, in seconds since 1970: the years 2000 to 2099."""
_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_NOTHING = frozenset({"", "--", "-", "NA"})
_SIDES = {"B": Side.BUY, "S": Side.SELL}
_SERIES = re.compile(r"-[A-Z0-9]{1,2}$")
_CANCELLED_TAG = re.compile(r"^(?P<tag>[^-].*)-\d{9,}$")
_NEVER = re.compile(r"0001[/-]|\d{1,2}-[A-Za-z]{3}-0001\b")
_WRITTEN_OVER = "ADMINAPI"

Row = Mapping[str, Any]


def is_ours(row: Row) -> bool:
    """Return whether a row is of shares for delivery (CNC) in NSE's cash segment, as every order of tradectl is.

    Intraday trades (MIS) of the same user do not change the delivery holdings. Raises OddValue for an unknown segment or
    product.
    """
    segment = is_one_of(row, "exSeg", {SEGMENT}, _OTHER_SEGMENTS)
    return segment and is_one_of(row, "prod", {PRODUCT}, _OTHER_PRODUCTS)


def orders(rows: Sequence[Row], now: datetime | None = None) -> Rows[OrderReport]:
    """Return the reports of the order book. A row with a time after `now` becomes an odd row."""

    def read(row: Row) -> OrderReport | None:
        return value_ranges.order(order_report(row, now), now) if is_ours(row) else None

    return read_rows(RowKind.ORDER, rows, read, NAMES)


def trades(rows: Sequence[Row], now: datetime | None = None) -> Rows[TradeReport]:
    """Return the reports of the trade book. A row with a time after `now` becomes an odd row."""

    def read(row: Row) -> TradeReport | None:
        return value_ranges.trade(trade_report(row, now), now) if is_ours(row) else None

    return read_rows(RowKind.TRADE, rows, read, NAMES)


def order_report(row: Row, now: datetime | None = None) -> OrderReport:
    """Return the report of one order. A status that is not in `STATUSES` becomes UNKNOWN, with Kotak's text as the reason."""
    word = str(row["ordSt"]).strip().lower()
    status = STATUSES.get(word, S.UNKNOWN)
    reason = brief(_text(row.get("rejRsn")))
    tag = read_field(row, "GuiOrdId", _tag) if "GuiOrdId" in row else None
    latest = value_ranges.latest(tag, now)
    return OrderReport(
        broker_order_id=value_ranges.identity(row["nOrdNo"], "nOrdNo"),
        tag=tag,
        symbol=symbol(row),
        side=_SIDES[row["trnsTp"]],
        quantity=whole(row["qty"], "qty", QUANTITY),
        price=_limit(row),
        filled_quantity=whole(row["fldQty"], "fldQty", SHARES),
        status=status,
        reason=reason if status is not S.UNKNOWN else brief(f"Kotak's status {word!r} is not known"),
        variety=Variety.AMO if word in _AFTER_MARKET else Variety.REGULAR,
        placed_at=_first(row, latest, "ordDtTm", "ordEntTm", "hsUpTm"),
        updated_at=_first(row, latest, "hsUpTm", "exCfmTm", "ordDtTm"),
        passing=status is S.REJECTED and refusal(reason).passing,
        unknown_word=brief(word) if status is S.UNKNOWN else "",
    )


def trade_report(row: Row, now: datetime | None = None) -> TradeReport:
    """Return the report of one trade. Kotak numbers the fills anew each day, so a trade id here begins with the day."""
    day = read_field(row, "flDt", lambda text: _date(str(text)))
    at = read_field(row, "flTm", lambda text: moment(f"{row['flDt']} {text}"))
    read_field(row, "flDt", lambda _: value_ranges.moment(at, now))
    return TradeReport(
        f"{day:%Y%m%d}-{value_ranges.trade_name(row['flId'], 'flId')}",
        value_ranges.identity(row["nOrdNo"], "nOrdNo"),
        symbol(row),
        _SIDES[row["trnsTp"]],
        whole(row["fldQty"], "fldQty", QUANTITY),
        rupees(row["avgPrc"], "avgPrc", PRICE),
        at,
    )


def is_queued(row: Row) -> bool:
    """Return whether the status of the row is that of a waiting after-market order."""
    return str(row["ordSt"]).strip().lower() in QUEUED


def holdings(held: Sequence[Row], positions: Sequence[Row], isin_of: Callable[[str], str] = lambda _: "") -> Rows[Holding]:
    """Return the holdings: the shares in the depository, and the delivery shares bought today, which are positions only.

    Rows of other exchanges are skipped, because they repeat the same shares. A symbol with an unreadable row has no holding.
    Each ISIN of a symbol is a separate holding; among several rows of one ISIN the largest counts. Positions have no ISIN, so
    they count for each holding of their symbol; `securities.of_known_securities` keeps the right holding.

    Args:
        isin_of: Returns the ISIN of a token, because the rows have none.
    """
    morning = read_rows(RowKind.HOLDING, held, _readable_holding, _HELD)
    today = read_rows(RowKind.POSITION, positions, _readable_position, NAMES)
    found: dict[tuple[str, str], Holding] = {}
    for row in morning:
        name, isin = row["symbol"], isin_of(str(row.get("exchangeIdentifier") or ""))
        shares = Holding(name, whole(row["quantity"]), 0, whole(row["sellableQuantity"]), isin=isin)
        same = found.setdefault((name, isin), shares)
        if same.quantity < shares.quantity:
            found[name, isin] = shares
    for row in today:
        bought = _fresh(row)
        if bought <= 0:
            continue  # the holdings are already reduced by the shares sold
        name, series = symbol(row), str(row.get("series") or "")
        for key in [key for key in found if key[0] == name] or [(name, "")]:
            known = found.get(key, Holding(name, 0, 0, 0))
            sellable = known.sellable + (0 if series in TRADE_FOR_TRADE else bought)
            found[key] = replace(known, t1_quantity=bought, sellable=sellable)
    counts = [(name, shares) for (name, _), shares in found.items()]
    return readable_holdings(counts, lambda _, shares: value_ranges.holding(shares), (*morning.odd, *today.odd))


def _readable_holding(row: Row) -> Row | None:
    """Return the row if its values can be read; None for another segment. Raises OddValue or another error if not."""
    if not is_one_of(row, "exchangeSegment", {SEGMENT}, _OTHER_SEGMENTS):
        return None
    value_ranges.symbol(row["symbol"])
    for name in ("quantity", "sellableQuantity"):
        whole(row[name], name, SHARES)
    return row


def _readable_position(row: Row) -> Row | None:
    if not is_ours(row):
        return None
    symbol(row)
    _fresh(row)
    return row


def positions_of(trades: Sequence[Row], today: date) -> Rows[Row]:
    """Return one position row for each symbol in the trades of today, with the fields that `holdings` reads.

    A trade that cannot be read becomes an odd row.
    """
    found: dict[str, dict[str, Any]] = {}
    odd: list[OddRow] = []
    for trade in trades:
        row = read_row(RowKind.POSITION, trade, lambda noted: _readable_trade(noted, today), NAMES)
        if isinstance(row, OddRow):
            odd.append(row)
        elif row is not None:
            name = str(row["trdSym"])
            of = {
                "exSeg": SEGMENT,
                "prod": PRODUCT,
                "trdSym": name,
                "series": name.rpartition("-")[2],
                "flBuyQty": 0,
                "flSellQty": 0,
            }
            bought = _SIDES[row["trnsTp"]] is Side.BUY
            found.setdefault(name, of)["flBuyQty" if bought else "flSellQty"] += whole(row["fldQty"])
    return Rows(found.values(), odd)


def _readable_trade(row: Row, today: date) -> Row | None:
    """Return the row if it is a delivery trade of today; otherwise None. Raises OddValue or another error if unreadable."""
    if not is_ours(row):
        return None
    symbol(row)
    whole(row["fldQty"], "fldQty", QUANTITY)
    _SIDES[row["trnsTp"]]
    return row if read_field(row, "flDt", lambda text: _date(str(text))) == today else None


def funds(row: Row) -> Funds:
    """Return the funds in paise. `Net` is what may be spent now. Kotak's amounts are floats, so they are rounded to the paisa."""
    available, blocked = about_rupees(row["Net"], "Net"), about_rupees(row["MarginUsed"], "MarginUsed")
    return value_ranges.funds(Funds(available, blocked, available + blocked))


def quotes(rows: Sequence[Row], symbols: Mapping[str, str], now: datetime | None = None) -> Quotes:
    """Return quotes by symbol. `symbols`: the symbols by Kotak's tokens."""
    named = ((symbols.get(str(row.get("exchange_token"))), row) for row in rows if isinstance(row, Mapping))
    return read_quotes(((symbol, row) for symbol, row in named if symbol is not None), lambda name, row: quote(row, name, now))


def quote(row: Row, symbol: str, now: datetime | None = None) -> Quote | None:
    """Return a quote with the time of its last update; None if the share has never traded."""
    last = _price(row["ltp"], "ltp")
    if last is None:
        return None
    at = read_field(row, "lstup_time", lambda sent: value_ranges.moment(_since_1970(sent), now, value_ranges.AHEAD_QUOTE, None))
    day, volume = row.get("ohlc") or {}, whole(row.get("last_volume") or 0, "last_volume", VOLUME)
    opened = _price(day.get("open"), "ohlc.open") if volume else None
    made = Quote(
        symbol,
        last,
        at,
        SOURCE,
        last_trade_at=at if opened is not None else None,
        open=opened,
        high=_price(day.get("high"), "ohlc.high") if volume else None,
        low=_price(day.get("low"), "ohlc.low") if volume else None,
        volume=volume,
        lower_band=_price(row.get("low_price_range"), "low_price_range"),
        upper_band=_price(row.get("high_price_range"), "high_price_range"),
    )
    return value_ranges.quote(made, now)


def tag_of(written: str) -> str | None:
    """Return the client tag in `GuiOrdId`; None if it has none. A cancel appends a time to the tag, a change overwrites it."""
    if not written or written.endswith(_WRITTEN_OVER) or f"-{_WRITTEN_OVER}-" in written:
        return None
    cancelled = _CANCELLED_TAG.match(written)
    return cancelled["tag"] if cancelled else written


def symbol_of(trading_symbol: str) -> str:
    """Return the exchange's symbol without the series: `M&M` for `M&M-EQ`, `BAJAJ-AUTO` for `BAJAJ-AUTO-EQ`."""
    return _SERIES.sub("", trading_symbol)


def symbol(row: Row) -> str:
    """Return the exchange's symbol of an order, a trade or a position. Raises OddValue if it is invalid."""
    return read_field(row, "trdSym", lambda text: value_ranges.symbol(symbol_of(text)))


NAMES = RowFields("trdSym", "nOrdNo", "GuiOrdId", symbol_of, tag_of)
_HELD = RowFields("symbol")


def moment(text: str) -> datetime:
    """Return a time (IST) in one of Kotak's formats as UTC. Raises ValueError for any other text."""
    words = text.replace(": ", ":").split()
    if len(words) != 2:
        raise ValueError(f"{text!r} is not a time")
    return at_ist(_date(words[0]), time.fromisoformat(words[1])).astimezone(UTC)


def _date(text: str) -> date:
    """Return the date of `22-Jan-2025` or `2025/01/22`, independent of the machine's language."""
    if "/" in text:
        return date.fromisoformat(text.replace("/", "-"))
    day, month, year = text.split("-")
    if month.lower() not in _MONTHS:
        raise ValueError(f"{text!r} is not a date")
    return date(int(year), _MONTHS[month.lower()], int(day))


def _first(row: Row, latest: datetime | None, *names: str) -> datetime:
    """Return the first of these times that is present, or else `boeSec` (seconds). Kotak sends the year 1 for no time.

    Raises OddValue if the time is too far from `latest` (`value_ranges.moment`).
    """
    for name in names:
        text = _text(row.get(name))
        if text and not _NEVER.match(text):
            return read_field(row, name, lambda text: value_ranges.moment(moment(str(text)), latest))
    return read_field(row, "boeSec", lambda seconds: value_ranges.moment(_since_1970(seconds), latest))


def _since_1970(seconds: Any) -> datetime:
    return datetime.fromtimestamp(whole(seconds, "", _SECONDS), UTC)


def _tag(written: Any) -> str | None:
    if not isinstance(written, str | int | None) or isinstance(written, bool):
        raise value_ranges.OddValue("", written)
    tag = tag_of(_text(written))
    return value_ranges.tag(tag) if tag is not None else None


def _fresh(row: Row) -> int:
    """Return the shares bought today minus those sold today. Carried shares (`cf…`) are in the holdings already."""
    return whole(row["flBuyQty"], "flBuyQty", SHARES) - whole(row["flSellQty"], "flSellQty", SHARES)


def _text(value: Any) -> str:
    text = str(value if value is not None else "").strip()
    return "" if text in _NOTHING else text


def _price(value: Any, field: str) -> int | None:
    """Return a price in paise; None if it is missing or zero."""
    return (rupees(value, field, LIMIT) or None) if _text(value) else None


def _limit(row: Row) -> int:
    """Return the limit price in paise; 0 for a market order. Raises OddValue for a limit order (L, SL) without a price."""
    price = rupees(row["prc"], "prc", LIMIT)
    if not price and str(row.get("prcTp") or "").upper() in {"L", "SL"}:
        raise value_ranges.OddValue("prc", row["prc"])
    return price
