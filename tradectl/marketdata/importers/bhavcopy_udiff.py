"""Import NSE's UDiFF bhavcopy, published since 2024. It has 34 columns, whose names changed over time, and about 65 series."""

from __future__ import annotations

from tradectl.marketdata.importers.bhavcopy import bhavcopy
from tradectl.marketdata.importers.columns import Parsed
from tradectl.marketdata.importers.source import SourceFile

KIND = "bhavcopy-udiff"
COLUMNS = {
    "tckrsymb": "symbol",
    "sctysrs": "series",
    "opnpric": "open",
    "hghpric": "high",
    "lwpric": "low",
    "clspric": "close",
    "ttltradgvol": "volume",
    "traddt": "date",
    "sgmt": "segment",
}


EXCHANGE = "src"
"""The column that distinguishes NSE's files from BSE's, which have the same header."""


def recognises(source: SourceFile) -> bool:
    return {"traddt", "tckrsymb", "sctysrs"} <= set(source.header)


def parse(source: SourceFile) -> Parsed:
    return bhavcopy(source, COLUMNS | ({EXCHANGE: "exchange"} if EXCHANGE in source.header else {}), "%Y-%m-%d")
