"""The row of a broker's list of instruments that is a share of ours: by ISIN where it is known, else by symbol and series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from tradectl.errors import DataError, UsageError
from tradectl.model.market import Instrument
from tradectl.model.order import Side


class Row(Protocol):
    """What every list has of a share."""

    @property
    def isin(self) -> str: ...
    @property
    def series(self) -> str: ...


R = TypeVar("R", bound=Row)


def find_share(
    instrument: Instrument,
    side: Side | None,
    by_isin: Mapping[str, Sequence[R]],
    by_symbol: Mapping[str, Sequence[R]],
    broker: str,
) -> R:
    """Return the row of an instrument. `broker` names the broker in messages.

    Raises:
        UsageError: The list has no such share, or its row cannot be read.
        DataError: For a BUY: the list has the symbol under another ISIN or in another series. Something has happened to the stock
            that our data do not show.
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
