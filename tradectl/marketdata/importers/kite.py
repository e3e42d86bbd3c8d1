"""Import a Kite instruments dump. It writes a trade-for-trade share as `20MICRONS-BE`.

The dump has no date, so the file's name must contain one (…_2024-01-16.csv). NFO rows show which shares have derivatives. A
dump with only NFO rows is imported as a list of these shares.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import EQUITY_SERIES, Parsed, codes, counts, paise, refuse_repeats, symbols
from tradectl.marketdata.importers.source import SourceFile, read_columns
from tradectl.marketdata.importers.underlyings import listed, proves_absence

KIND = "kite-instruments"
COLUMNS = {
    "exchange_token": "token",
    "tradingsymbol": "tradingsymbol",
    "name": "name",
    "tick_size": "tick_size",
    "lot_size": "lot_size",
    "segment": "segment",
    "exchange": "exchange",
}
UNKNOWN = -1
"""Value of `derivatives` for a share without a contract in a dump that does not have all contracts."""


def recognises(source: SourceFile) -> bool:
    return {"instrument_token", "tradingsymbol", "tick_size"} <= set(source.header)


def dump_date(source: SourceFile) -> str:
    """Return the ISO date in the file's name. Raises DataError if there is none."""
    found = re.search(r"\d{4}-\d{2}-\d{2}", source.stem)
    if not found:
        raise DataError(f"{source.name}: a dump needs a date, inside it or in its name (…_2024-01-16.csv)")
    return found.group(0)


def parse(source: SourceFile) -> Parsed:
    text = read_columns(source, COLUMNS)
    for column in ("exchange", "segment", "tradingsymbol"):
        text[column] = codes(text, column)
    contracts = text[text["exchange"] == "NFO"]
    derivatives = set(codes(contracts, "name"))
    cash = text[(text["exchange"] == "NSE") & (text["segment"] == "NSE")].copy()
    parts = cash["tradingsymbol"].str.extract(r"^(.+?)(?:-([A-Z0-9]{2}))?$")
    cash["symbol"], cash["series"] = parts[0], parts[1].fillna("EQ")
    kept = cash[cash["series"].isin(EQUITY_SERIES)]
    skipped = Counter({"no share": len(text) - len(kept)})
    if kept.empty and derivatives:
        found = contracts[["name", "lot_size"]].rename(columns={"name": "symbol"})
        return listed(source, found, dump_date(source), "kite-nfo")
    if kept.empty:
        raise DataError(f"{source.name}: has no share of NSE")
    frame = kept[["symbol", "series", "name", "token"]].copy()
    frame["symbol"] = symbols(source, kept, "symbol", "series")
    frame["source"], frame["dumped_on"], frame["isin"] = "kite", dump_date(source), ""
    frame["tick_size"] = paise(source, kept, "tick_size")
    frame["lot_size"] = counts(source, kept, "lot_size")
    others = 0 if proves_absence(derivatives) else UNKNOWN
    frame["derivatives"] = np.where(frame["symbol"].isin(derivatives), 1, others)
    refuse_repeats(source, frame, ["symbol", "series"])
    best = frame.sort_values(["symbol", "series"], ascending=[True, False]).drop_duplicates("symbol")  # EQ first
    return Parsed("instruments", best, +skipped)
