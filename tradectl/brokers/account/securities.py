"""Match the rows of a broker with the shares of the market data, by ISIN, symbol and series.

A depository identifies shares by ISIN, and a broker lists them by symbol. Under the symbol of a position a broker may list
another security: preference or partly paid shares, or another company. Those shares are never offered for sale. Shares of the
same security under a new ISIN may be sold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from tradectl.errors import DataError, TradectlError, UsageError
from tradectl.model.market import Instrument
from tradectl.model.odd_rows import Rows, odd_of
from tradectl.model.order import Holding, Side
from tradectl.ports import MarketData

Row = Mapping[str, Any]
_ISIN = re.compile(r"IN[A-Z0-9]{9}[0-9]")
_ISSUER = 9
"""The number of characters of an ISIN that identify the issuer (seven: INE and four more) and the kind of security (two: 01
equity, 03 and 04 preference; partly paid equity begins with IN9). A split or consolidation changes only the number after them."""


def counted_once(rows: Iterable[Row], security: Callable[[Row], str], size: Callable[[Row], int]) -> list[Row]:
    """Return one row for each security of a list of holdings, in the order of the list.

    A security that is listed at two exchanges has one quantity at the depository, so only one row counts. A row with shares
    counts before an empty one, then a row of NSE, then the largest.

    Args:
        security: Returns the ISIN of a row, or its symbol if the broker sends no ISIN.
        size: Returns the number of shares of a row.
    """
    found: dict[str, Row] = {}

    def weight(row: Row) -> tuple[bool, bool, int]:
        return size(row) > 0, row["exchange"] == "NSE", size(row)

    for row in rows:
        name = security(row)
        if name not in found or weight(row) > weight(found[name]):
            found[name] = row
    return list(found.values())


class NamesSymbol(Protocol):
    """Describe a row of a broker that names a symbol."""

    @property
    def symbol(self) -> str: ...


N = TypeVar("N", bound=NamesSymbol)


def under_symbols_of(rows: Sequence[N], market: MarketData, day_of: Callable[[N], date]) -> Sequence[N]:
    """Return the rows with the symbols of their days; the same object if it has no other symbol.

    For some days after a rename a broker may use the former symbol. A symbol that the market data do not have stays. If the
    market data cannot be read, each row keeps the broker's symbol: the broker's list is needed most then.
    """
    known: dict[tuple[str, date], str] = {}

    def symbol_of(row: N) -> str:
        key = row.symbol, day_of(row)
        if key not in known:
            known[key] = _symbol_of_day(market, *key)
        return known[key]

    try:
        symbols = [symbol_of(row) for row in rows]
    except TradectlError:
        return rows  # no further row is looked up: each would wait for the same lock
    if symbols == [row.symbol for row in rows]:
        return rows
    changed = (replace(row, symbol=symbol) for row, symbol in zip(rows, symbols, strict=True))  # type: ignore[type-var]
    return Rows(changed, odd_of(rows))


def _symbol_of_day(market: MarketData, symbol: str, day: date) -> str:
    try:
        return market.instrument(market.find(symbol, day), day).symbol
    except (UsageError, DataError):
        return symbol


def of_known_securities(holdings: Sequence[Holding], market: MarketData, day: date) -> Rows[Holding]:
    """Return one holding for each symbol of the day. It has 0 shares if its ISIN is of another security (`other_isin`).

    Unreadable rows are kept.
    """
    found: dict[str, Holding] = {}
    odd = odd_of(holdings)
    for item in under_symbols_of(holdings, market, lambda _: day):
        other = _other_isin(item, market, day)
        known = found.get(item.symbol)
        if other:
            found.setdefault(item.symbol, Holding(item.symbol, 0, 0, 0, other_isin=other))
        elif known is None or known.other_isin:
            found[item.symbol] = item
        else:
            found[item.symbol] = replace(
                known,
                quantity=known.quantity + item.quantity,
                t1_quantity=known.t1_quantity + item.t1_quantity,
                sellable=known.sellable + item.sellable,
                pledged=known.pledged + item.pledged,
            )
    return Rows(found.values(), odd)


def _other_isin(item: Holding, market: MarketData, day: date) -> str:
    """Return the holding's ISIN if its issuer or kind differs from the market data, else an empty text.

    The market data may be older than a split, so another serial number alone is no difference.
    """
    if not _ISIN.fullmatch(item.isin):
        return ""
    try:
        known = market.instrument(market.find(item.symbol, day), day).isin or ""
    except UsageError:
        return ""
    if not _ISIN.fullmatch(known) or known[:_ISSUER] == item.isin[:_ISSUER]:
        return ""
    return item.isin


class ListedRow(Protocol):
    """Describe what every broker's list has of a share."""

    @property
    def isin(self) -> str: ...
    @property
    def series(self) -> str: ...


R = TypeVar("R", bound=ListedRow)


def find_share(
    instrument: Instrument,
    side: Side | None,
    by_isin: Mapping[str, Sequence[R]],
    by_symbol: Mapping[str, Sequence[R]],
    broker: str,
) -> R:
    """Return the row of an instrument in a broker's list, by ISIN, else by symbol.

    Args:
        side: The side of the order, None for a read.
        broker: The broker's name in messages.

    Raises:
        UsageError: The list has no such share, or its row cannot be read.
        DataError: For a BUY, the list has the symbol with another ISIN or series. Then the market data is out of date.
    """
    found = by_isin.get(instrument.isin, ()) if instrument.isin else ()
    known_isin = bool(found) or not instrument.isin
    found = found or by_symbol.get(instrument.symbol, ())
    if not found:
        raise UsageError(f"{broker} does not list {instrument.symbol} on NSE today, or its row in the list cannot be read")
    same = [row for row in found if row.series == instrument.series]
    if side is Side.BUY and not known_isin:
        raise DataError(f"{instrument.symbol} is {found[0].isin} at {broker}, not {instrument.isin}: it is not bought")
    if side is Side.BUY and not same:
        there = ", ".join(sorted(row.series for row in found))
        raise DataError(f"{instrument.symbol} is in series {there} at {broker}, not {instrument.series}: it is not bought")
    return (same or found)[0]
