"""The plain daily CSV: date,symbol,series,open,high,low,close,volume; any number of sessions and symbols."""

from __future__ import annotations

from tradectl.marketdata.importers.columns import Parsed, bars, dates
from tradectl.marketdata.importers.source import SourceFile, read_columns

KIND = "daily"
COLUMNS = {name: name for name in ("symbol", "series", "open", "high", "low", "close", "volume", "date")}


def recognises(source: SourceFile) -> bool:
    """Whatever dates, names and prices a symbol is daily bars; a missing column is then named, not a mystery."""
    return {"date", "symbol", "open", "close"} <= set(source.header)


def parse(source: SourceFile) -> Parsed:
    frame = read_columns(source, COLUMNS)
    frame["session"] = dates(source, frame, "date", "%Y-%m-%d")
    return bars(source, frame)
