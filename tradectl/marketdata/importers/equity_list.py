"""Import EQUITY_L.csv, NSE's list of securities. The published header has leading spaces."""

from __future__ import annotations

from tradectl.marketdata.importers.columns import Parsed, codes, dates, refuse_repeats, symbols
from tradectl.marketdata.importers.source import SourceFile, read_columns

KIND = "securities"
COLUMNS = {
    "symbol": "symbol",
    "name of company": "name",
    "series": "series",
    "isin number": "isin",
    "date of listing": "listed_on",
}


def recognises(source: SourceFile) -> bool:
    return {"symbol", "name of company", "isin number"} <= set(source.header)


def parse(source: SourceFile) -> Parsed:
    frame = read_columns(source, COLUMNS)
    frame["series"], frame["isin"] = codes(frame, "series"), codes(frame, "isin")
    frame["symbol"] = symbols(source, frame, "symbol", "series")
    frame["listed_on"] = dates(source, frame, "listed_on")
    refuse_repeats(source, frame, ["symbol"])
    return Parsed("securities", frame)
