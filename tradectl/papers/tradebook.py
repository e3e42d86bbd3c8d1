"""Read a tradebook: Zerodha's CSV, or one written by hand with the same columns.

Needed are `symbol`, `trade_date`, `trade_type` (buy, sell or buyback), `quantity` and `price`. Zerodha's file also has `isin`,
`exchange`, `segment`, `series`, `trade_id`, `order_id` and `order_execution_time` (Indian time, without a zone). Rows of other
segments than equity are left out. A row without a trade id gets one from its content, so that a second import adds nothing.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, time
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import DataError
from tradectl.ledger.outside_trades import OutsideTrade
from tradectl.marketdata.importers.source import SourceFile, read_source
from tradectl.model.moment import at_ist, ist_date
from tradectl.model.order import Side
from tradectl.model.symbols import read_symbol
from tradectl.papers.columns import Cells, plain, rows_of

NEEDED = {
    "symbol": ("tradingsymbol", "scrip", "stock"),
    "trade_date": ("date",),
    "trade_type": ("type", "side", "transaction_type"),
    "quantity": ("qty",),
    "price": ("average_price", "rate"),
}
OTHER = {
    "isin": ("isin_code",),
    "exchange": (),
    "segment": (),
    "series": (),
    "trade_id": ("trade_no", "trade_number"),
    "order_id": ("order_no", "order_number"),
    "order_execution_time": ("execution_time", "trade_time", "time"),
}
EQUITY = frozenset({"", "EQ", "CASH", "CM", "NSE", "BSE"})
"""The segments of shares."""
OPENING = time(9, 15)
"""The time of a trade whose row has none."""
MADE = "made-"
"""The prefix of the trade id of a row that had none."""
_SIDES = {"buy": Side.BUY, "b": Side.BUY, "sell": Side.SELL, "s": Side.SELL, "buyback": Side.SELL}


class Tradebook(Struct, frozen=True):
    """The trades of a file in its order.

    Attributes:
        skipped: The number of rows of other segments.
        repeated: Rows that repeat the trade id of a day.
        timed: Whether the file has times.
    """

    name: str
    trades: tuple[OutsideTrade, ...]
    skipped: int = 0
    repeated: tuple[OutsideTrade, ...] = ()
    timed: bool = False


def is_tradebook(source: SourceFile) -> bool:
    """Return whether a file has the columns of a tradebook."""
    names = {plain(column) for column in source.header}
    return all(not names.isdisjoint((name, *others)) for name, others in NEEDED.items())


def read_tradebook(path: Path) -> Tradebook:
    """Return the trades of a file. Raises DataError with file, row and field."""
    return parse_tradebook(read_source(path))


def parse_tradebook(source: SourceFile) -> Tradebook:
    """Return the trades of a decoded file. Raises DataError with file, row and field."""
    trades: list[OutsideTrade] = []
    repeated: list[OutsideTrade] = []
    seen: set[tuple[date, str, str]] = set()
    made: Counter[tuple[object, ...]] = Counter()
    skipped, timed = 0, False
    for cells in rows_of(source, NEEDED, OTHER):
        if cells.text("segment").upper() not in EQUITY:
            skipped += 1
            continue
        trade = _trade(source.name, cells)
        timed = timed or bool(cells.text("order_execution_time"))
        if not trade.trade_id:
            same = (trade.session, trade.symbol, trade.side, trade.quantity, trade.price, trade.at)
            made[same] += 1
            trade = replace(trade, trade_id=made_id(trade, made[same]))
        if trade.key in seen:
            repeated.append(trade)
        else:
            seen.add(trade.key)
            trades.append(trade)
    return Tradebook(source.name, tuple(trades), skipped, tuple(repeated), timed)


def made_id(trade: OutsideTrade, number: int) -> str:
    """Return a trade id from the content of a trade; `number` distinguishes equal trades."""
    at = trade.at.astimezone(UTC)
    return f"{MADE}{trade.symbol}-{trade.side}-{trade.quantity}-{trade.price}-{at:%H%M%S}-{number}"


def _trade(name: str, cells: Cells) -> OutsideTrade:
    day, at = cells.day("trade_date"), cells.moment("order_execution_time")
    if at is not None and ist_date(at) != day:
        raise cells.bad("order_execution_time", f"is not on the trade_date {day}")
    kind = cells.text("trade_type").strip().lower()
    if kind not in _SIDES:
        raise cells.bad("trade_type", "is not buy, sell or buyback")
    try:
        symbol = read_symbol(cells.text("symbol")).symbol
    except ValueError as error:
        raise cells.bad("symbol", str(error)) from error
    isin = cells.text("isin").upper()
    if isin and not (len(isin) == 12 and isin.isascii() and isin.isalnum()):
        raise cells.bad("isin", "is no ISIN")
    for column, most in (("trade_id", 80), ("order_id", 64), ("series", 4)):
        if len(cells.text(column)) > most:
            raise cells.bad(column, f"has more than {most} characters")
    return OutsideTrade(
        session=day,
        exchange=(cells.text("exchange").upper() or "NSE")[:8],
        trade_id=cells.text("trade_id"),
        symbol=symbol,
        side=_SIDES[kind],
        quantity=cells.count("quantity"),
        price=cells.price("price"),
        at=(at or at_ist(day, OPENING)).astimezone(UTC),
        isin=isin,
        order_id=cells.text("order_id"),
        buyback=kind == "buyback",
        series=cells.text("series").upper(),
        source=name,
        row=cells.row,
    )


def refuse_repeats(book: Tradebook) -> None:
    """Raise DataError if a trade id occurs twice in a file."""
    if book.repeated:
        first = book.repeated[0]
        raise DataError(f"{book.name} row {first.row}: trade_id {first.trade_id} of {first.session} occurs twice")
