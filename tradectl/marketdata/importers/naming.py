"""Read the symbol from the name of a file without such a column: `RELIANCE.csv`, `M&M-EQ.csv`, `Quote-Equity-TCS-EQ-….csv`."""

from __future__ import annotations

import re

from tradectl.errors import DataError
from tradectl.marketdata.importers.source import SourceFile
from tradectl.model.symbols import read_symbol, shown

_QUOTE_PAGE = re.compile(r"quote-equity-(.+?)-([a-z0-9]{2})-\d{2}-\d{2}-\d{4}\b.*", re.IGNORECASE)


def symbol_in_name(source: SourceFile) -> str:
    """Return the symbol in a file's name. Raises DataError if the name contains none."""
    page = _QUOTE_PAGE.fullmatch(source.stem)
    try:
        return read_symbol(page.group(1) if page else source.stem).symbol
    except ValueError as error:
        raise DataError(
            f"{source.name}: has no column with the symbol, and its name {shown(source.stem)} is not a symbol; rename the file "
            "like RELIANCE.csv"
        ) from error


def series_in_name(source: SourceFile) -> str:
    """Return the series in the name of a file from NSE's quote page; empty for any other name."""
    page = _QUOTE_PAGE.fullmatch(source.stem)
    return page.group(2).upper() if page else ""
