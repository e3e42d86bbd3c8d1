"""The plain daily CSV: date,symbol,series,open,high,low,close,volume[,provisional]; any number of sessions and symbols."""

from __future__ import annotations

from tradectl.marketdata.importers import minute
from tradectl.marketdata.importers.columns import Parsed, bars, counts, dates
from tradectl.marketdata.importers.source import SourceFile, read_columns

KIND = "daily"
COLUMNS = {name: name for name in ("symbol", "series", "open", "high", "low", "close", "volume", "date")}
PROVISIONAL = "provisional"
"""1 for a provisional bar; without the column every bar is final."""


def recognises(source: SourceFile) -> bool:
    """Whatever dates, names and prices a symbol is daily bars, but for minutes; a missing column is then named, not a mystery."""
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
