"""NSE's UDiFF bhavcopy (since 2024): 34 columns, some 65 series in one file, a header that changed (Rsvd01, Rsvd1)."""

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
