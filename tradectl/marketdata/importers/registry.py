"""The known formats, and the question that recognises each: a set of header columns, or the shape of a line without header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tradectl.errors import DataError
from tradectl.marketdata.importers import (
    bhavcopy_cm,
    bhavcopy_sec_full,
    bhavcopy_udiff,
    corporate_actions,
    daily,
    equity_list,
    history,
    index_list,
    kite,
    minute,
    surveillance,
    symbol_change,
    trading_days,
    underlyings,
    upstox,
)
from tradectl.marketdata.importers.foreign import why_no_bars, why_refused

if TYPE_CHECKING:
    from tradectl.marketdata.importers.columns import Parsed
    from tradectl.marketdata.importers.source import SourceFile


class Importer(Protocol):
    """A module of this package: `KIND` is its name in reports."""

    KIND: str

    def recognises(self, source: SourceFile) -> bool: ...
    def parse(self, source: SourceFile) -> Parsed: ...


IMPORTERS: tuple[Importer, ...] = (
    symbol_change,
    equity_list,
    index_list,
    corporate_actions,
    kite,
    upstox,
    underlyings,
    surveillance,
    daily,
    history,
    bhavcopy_cm,
    bhavcopy_sec_full,
    bhavcopy_udiff,
    minute,
    trading_days,
)
"""In the order in which files of one import are taken, whatever order they were named in."""


def importer_for(source: SourceFile) -> Importer:
    """Return the importer that knows this content. Raises DataError if none does, with the way to a file that one knows."""
    foreign = why_refused(source)
    if foreign:
        raise DataError(f"{source.name}: {foreign}")
    for importer in IMPORTERS:
        if importer.recognises(source):
            return importer
    foreign = why_no_bars(source)
    if foreign:
        raise DataError(f"{source.name}: {foreign}")
    begins = ",".join(source.header)[:60]
    known = ", ".join(importer.KIND for importer in IMPORTERS)
    raise DataError(f"{source.name}: not a known format (begins {begins!r}); known are {known}")
