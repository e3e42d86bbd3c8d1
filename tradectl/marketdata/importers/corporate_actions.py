"""Import corporate actions: symbol,series,ex_date,subject; or NSE's download (SYMBOL,COMPANY NAME,SERIES,PURPOSE,…).

Symbol, ex-date and subject are stored; `purpose.py` parses the subject. The columns kind, factor and dividend are ignored.
"""

from __future__ import annotations

from collections import Counter

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import EQUITY_SERIES, Parsed, codes, dates, symbols
from tradectl.marketdata.importers.source import SourceFile, read_columns

KIND = "corporate-actions"
COLUMNS = {"symbol": "symbol", "series": "series", "ex_date": "ex_date", "subject": "subject"}
NSE_COLUMNS = {"symbol": "symbol", "series": "series", "ex-date": "ex_date", "purpose": "subject"}


def recognises(source: SourceFile) -> bool:
    return any({"symbol", *list(columns)[2:]} <= set(source.header) for columns in (COLUMNS, NSE_COLUMNS))


def parse(source: SourceFile) -> Parsed:
    frame = read_columns(source, COLUMNS if "subject" in source.header else NSE_COLUMNS)
    skipped: Counter[str] = Counter()
    undated = frame["ex_date"].isin(("", "-"))
    skipped["no ex-date"] = int(undated.sum())
    frame = frame[~undated]
    frame = frame.assign(series=codes(frame, "series"))
    equity = frame["series"].isin(EQUITY_SERIES)
    skipped["other series"] = int((~equity).sum())
    frame = frame[equity]
    if frame.empty:
        raise DataError(f"{source.name}: has no corporate action of a share with an ex-date")
    spelled = symbols(source, frame, "symbol", "series")
    frame = frame.assign(symbol=spelled, ex_date=dates(source, frame, "ex_date"))
    repeated = frame.duplicated(["symbol", "ex_date", "subject"])
    skipped["repeated row"] = int(repeated.sum())
    return Parsed("actions", frame[~repeated].drop(columns="series"), +skipped)
