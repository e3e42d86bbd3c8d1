"""Read a list of sessions (one column, `date`). The dates are compared with the session table, and nothing is stored."""

from __future__ import annotations

from tradectl.marketdata.importers.columns import Parsed, dates
from tradectl.marketdata.importers.source import SourceFile, read_columns

KIND = "trading-days"


def recognises(source: SourceFile) -> bool:
    return source.header == ("date",)


def parse(source: SourceFile) -> Parsed:
    frame = read_columns(source, {"date": "date"})
    frame["session"] = dates(source, frame, "date")
    return Parsed("", frame[["session"]])
