"""Import NSE's `sec_bhavdata_full`, a bhavcopy with delivery figures, a space after each comma and dates like 21-Aug-2026."""

from __future__ import annotations

from tradectl.marketdata.importers.bhavcopy import bhavcopy
from tradectl.marketdata.importers.columns import Parsed
from tradectl.marketdata.importers.source import SourceFile

KIND = "bhavcopy-sec-full"
COLUMNS = {
    "symbol": "symbol",
    "series": "series",
    "open_price": "open",
    "high_price": "high",
    "low_price": "low",
    "close_price": "close",
    "ttl_trd_qnty": "volume",
    "date1": "date",
}


def recognises(source: SourceFile) -> bool:
    return {"symbol", "date1", "ttl_trd_qnty"} <= set(source.header)


def parse(source: SourceFile) -> Parsed:
    return bhavcopy(source, COLUMNS, "%d-%b-%Y")
