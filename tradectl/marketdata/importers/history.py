"""Import the price history of a share from NSE: the CSV of a quote page or of the security-wise archive.

jugaad-data, nselib and nsepython write files of the same kind. All have NSE's columns, including the previous close, and prices
as traded. If the symbol or the series is not a column, it is read from the file's name:
`Quote-Equity-RELIANCE-EQ-01-01-2024-to-01-01-2025.csv`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import Parsed, bars, dates
from tradectl.marketdata.importers.naming import series_in_name, symbol_in_name
from tradectl.marketdata.importers.source import SourceFile, read_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND = "history"
FIELDS: Mapping[str, tuple[str, ...]] = {
    "date": ("date", "chtimestamp", "timestamp"),
    "open": ("open", "openprice", "chopeningprice"),
    "high": ("high", "highprice", "chtradehighprice"),
    "low": ("low", "lowprice", "chtradelowprice"),
    "close": ("close", "closeprice", "chclosingprice"),
    "volume": ("volume", "totaltradedquantity", "chtottradedqty"),
    "previous": ("prevclose", "chpreviousclsprice"),
}
"""Field -> its names in the header, reduced to letters and digits, the preferred name first."""
OPTIONAL: Mapping[str, tuple[str, ...]] = {"symbol": ("symbol", "chsymbol"), "series": ("series", "chseries")}


def recognises(source: SourceFile) -> bool:
    """Return whether a file has NSE's columns, including a previous close.

    The importer `daily` takes files with its own columns first, also those with a previous close."""
    return len(_columns(source, FIELDS)) == len(FIELDS)


def parse(source: SourceFile) -> Parsed:
    columns = _columns(source, FIELDS) | _columns(source, OPTIONAL)
    text = read_columns(source, {header: field for field, header in columns.items() if field != "previous"})
    if "symbol" not in columns:
        text["symbol"] = symbol_in_name(source)
    if "series" not in columns:
        text["series"] = series_in_name(source)
        if not text["series"].iloc[0]:
            raise DataError(f"{source.name}: has no column 'series', and its name has no series; keep the name of NSE's download")
    text["session"] = dates(source, text, "date")
    return bars(source, text)


def _columns(source: SourceFile, fields: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the column name in the header of each field that the file has."""
    letters = {re.sub(r"[^a-z0-9]", "", name): name for name in reversed(source.header)}
    found = {field: next((letters[name] for name in names if name in letters), "") for field, names in fields.items()}
    return {field: name for field, name in found.items() if name}
