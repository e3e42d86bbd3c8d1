"""Import the plain daily CSV, any number of sessions and symbols: date,symbol,series,open,high,low,close,volume[,provisional]."""

from __future__ import annotations

from tradectl.marketdata.importers import minute
from tradectl.marketdata.importers.columns import Parsed, bars, counts, dates
from tradectl.marketdata.importers.source import SourceFile, read_columns

KIND = "daily"
COLUMNS = {name: name for name in ("symbol", "series", "open", "high", "low", "close", "volume", "date")}
PROVISIONAL = "provisional"
"""Column with 1 for a provisional bar; without this column every bar is final."""


def recognises(source: SourceFile) -> bool:
    """Return whether a file has a date, a symbol and prices, and no minute bars. `parse` then names a missing column."""
    return source.has("date", "symbol", "open", "close") and not minute.recognises(source)


def parse(source: SourceFile) -> Parsed:
    marked = PROVISIONAL in source.header
    text = read_columns(source, COLUMNS | ({PROVISIONAL: PROVISIONAL} if marked else {}))
    text["session"] = dates(source, text, "date")
    parsed = bars(source, text)
    if marked:
        kept = text.loc[parsed.frame.index]
        parsed.frame[PROVISIONAL] = (counts(source, kept, PROVISIONAL) > 0).astype(int)
    return parsed
