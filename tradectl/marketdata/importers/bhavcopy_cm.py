"""Import NSE's old `cm` bhavcopy, published until July 2024. Each line ends with a comma; very old files have no ISIN."""

from __future__ import annotations

from tradectl.marketdata.importers.bhavcopy import bhavcopy
from tradectl.marketdata.importers.columns import Parsed
from tradectl.marketdata.importers.source import SourceFile

KIND = "bhavcopy-cm"
COLUMNS = {
    "symbol": "symbol",
    "series": "series",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "tottrdqty": "volume",
    "timestamp": "date",
}


def recognises(source: SourceFile) -> bool:
    return {"symbol", "prevclose", "tottrdqty"} <= set(source.header)


def parse(source: SourceFile) -> Parsed:
    return bhavcopy(source, COLUMNS, "%d-%b-%Y")
