"""List the known file formats, and find the importer of a file by its columns."""

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
    """Import one file format; each module of this package implements it. `KIND` is its name in reports."""

    KIND: str

    def recognises(self, source: SourceFile) -> bool:
        """Return whether a file has the columns of this format."""
        ...

    def parse(self, source: SourceFile) -> Parsed:
        """Return the rows of a file. Raises DataError for invalid content."""
        ...


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
"""All importers. Files of one import are written in this order, independent of the order of the arguments."""


def importer_for(source: SourceFile) -> Importer:
    """Return the importer that recognises a file. Raises DataError with a hint to the right file if none does."""
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
    raise DataError(f"{source.name}: is not in a known format (it begins with {begins!r}); known formats: {known}")
