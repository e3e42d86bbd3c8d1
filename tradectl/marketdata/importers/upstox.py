"""Import an Upstox instruments dump. Tick sizes are in paise. The date is the column `download_date` or in the file's name."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import EQUITY_SERIES, Parsed, codes, counts, dates, refuse_repeats, symbols
from tradectl.marketdata.importers.kite import UNKNOWN, dump_date
from tradectl.marketdata.importers.source import SourceFile, read_columns
from tradectl.marketdata.importers.underlyings import listed, proves_absence

KIND = "upstox-instruments"
COLUMNS = {
    "segment": "segment",
    "name": "name",
    "isin": "isin",
    "instrument_type": "series",
    "lot_size": "lot_size",
    "exchange_token": "token",
    "tick_size": "tick_size",
    "symbol": "symbol",
    "underlying_symbol": "underlying",
}


def recognises(source: SourceFile) -> bool:
    return {"instrument_key", "tick_size", "segment"} <= set(source.header)


def parse(source: SourceFile) -> Parsed:
    dated = "download_date" in source.header
    text = read_columns(source, {**COLUMNS, **({"download_date": "date"} if dated else {})})
    for column in ("segment", "series", "isin", "underlying"):
        text[column] = codes(text, column)
    contracts = text[text["segment"] == "NSE_FO"]
    derivatives = set(contracts["underlying"])
    kept = text[(text["segment"] == "NSE_EQ") & text["series"].isin(EQUITY_SERIES)]
    skipped = Counter({"no share": len(text) - len(kept)})
    if kept.empty and derivatives:
        dated_on = str(dates(source, contracts, "date").max()) if dated else dump_date(source)
        found = contracts[["underlying", "lot_size"]].rename(columns={"underlying": "symbol"})
        return listed(source, found, dated_on, "upstox-fo")
    if kept.empty:
        raise DataError(f"{source.name}: has no share of NSE")
    frame = kept[["symbol", "series", "name", "token", "isin"]].copy()
    frame["symbol"] = symbols(source, kept, "symbol", "series")
    frame["source"] = "upstox"
    frame["dumped_on"] = dates(source, kept, "date") if dated else dump_date(source)
    frame["tick_size"] = counts(source, kept, "tick_size")
    frame["lot_size"] = counts(source, kept, "lot_size")
    others = 0 if proves_absence(derivatives) else UNKNOWN
    frame["derivatives"] = np.where(frame["symbol"].isin(derivatives), 1, others)
    refuse_repeats(source, frame, ["symbol", "series"])
    best = frame.sort_values(["symbol", "series"], ascending=[True, False]).drop_duplicates("symbol")  # EQ first
    return Parsed("instruments", best, +skipped)
