"""Import lists of the shares that have derivatives, and so a closing auction and a dynamic price band.

The module reads NSE's list of lots (`fo_mktlots.csv`), both forms of its F&O bhavcopies, and Kotak's F&O scrip file.
Kite and Upstox have their own importers. A list is complete for its date: a share that is not in it has no derivatives. A
truncated list would be wrong about the missing shares, so a list that is too short is rejected.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import Parsed, codes, dates, symbols
from tradectl.marketdata.importers.source import SourceFile, read_columns
from tradectl.marketdata.importers.stamps import parse_date

if TYPE_CHECKING:
    import pandas as pd

KIND = "underlyings"
_MONTH = re.compile(r"[a-z]{3}-\d{2}")
_NAME_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_UDIFF = {"traddt": "date", "sgmt": "segment", "fininstrmtp": "kind", "tckrsymb": "symbol", "newbrdlotqty": "lot_size"}
_OLD = {"instrument": "kind", "symbol": "symbol", "timestamp": "date"}
_KOTAK = {"pexchseg": "segment", "pinsttype": "kind", "psymbolname": "symbol", "llotsize": "lot_size"}
FEWEST = 100
"""Minimum number of shares in a complete list. NSE has had 130 and more since 2018."""
LOST = 5
"""A list that lacks more than 1/LOST of the previous list's shares is imported only with --accept-content."""
_SHARES = {"STF", "STO", "FUTSTK", "OPTSTK"}
"""The types of contracts on single shares; other contracts are on indices."""


def recognises(source: SourceFile) -> bool:
    return _is_lots(source) or _is_udiff(source) or set(_OLD) | {"expiry_dt"} <= set(source.header) or _is_kotak(source)


def parse(source: SourceFile) -> Parsed:
    if _is_lots(source):
        return _lots(source)
    if _is_kotak(source):
        text = read_columns(source, _KOTAK)
        text["kind"] = codes(text, "kind")
        if not (codes(text, "segment") == "NSE_FO").all():
            raise DataError(f"{source.name}: has rows of another segment than nse_fo; only Kotak's F&O file is imported")
        return listed(source, text[text["kind"].isin(_SHARES)], date_in_name(source), "kotak-fo")
    text = read_columns(source, _UDIFF if _is_udiff(source) else _OLD)
    text["kind"] = codes(text, "kind")
    if "segment" in text.columns and not (codes(text, "segment") == "FO").all():
        raise DataError(f"{source.name}: has rows of another segment than FO, futures and options")
    held = sorted(dates(source, text, "date").unique())
    if len(held) != 1:
        raise DataError(f"{source.name}: a bhavcopy has one date, but this file has {len(held)} ({held[0]} to {held[-1]})")
    return listed(source, text[text["kind"].isin(_SHARES)], str(held[0]), "nse-fo")


def listed(source: SourceFile, contracts: pd.DataFrame, dated: str, origin: str) -> Parsed:
    """Return one row per underlying of `contracts` (columns `symbol` and optionally `lot_size`).

    `dated`: ISO date of the list. `origin`: its source, as stored. Raises DataError for fewer than FEWEST underlyings."""
    if contracts.empty:
        raise DataError(f"{source.name}: has no contract on a share of NSE")
    contracts = contracts.assign(symbol=symbols(source, contracts, "symbol"))
    lots = [_lot(text) for text in contracts["lot_size"]] if "lot_size" in contracts else 0
    contracts = contracts.assign(lot_size=lots).sort_values(["symbol", "lot_size"])
    frame = contracts.drop_duplicates("symbol")[["symbol", "lot_size"]].copy()
    if len(frame) < FEWEST:
        raise DataError(
            f"{source.name}: has {len(frame)} shares with derivatives, but a complete list has {FEWEST} or more. A missing share "
            "would count as one without a closing auction. Nothing was imported; download the whole file again"
        )
    frame["dated"], frame["source"] = dated, origin
    return Parsed("underlyings", frame, +Counter({"another contract": len(contracts) - len(frame)}))


def proves_absence(underlyings: set[str]) -> bool:
    """Return whether a list has enough underlyings to prove that other shares have no contracts."""
    return len(underlyings) >= FEWEST


def refuse_losses(name: str, symbols: set[str], before: set[str], dated: str) -> None:
    """Raise DataError if a list lacks more than 1/LOST of the shares in `before`, the previous list, dated `dated`."""
    lost = sorted(before - symbols)
    if len(lost) * LOST > len(before):
        raise DataError(
            f"{name}: lacks {len(lost)} of the {len(before)} shares of the list of {dated} ({', '.join(lost[:5])}, …). They "
            "would count as shares without a closing auction. Nothing was imported; download the file again, or compare it with "
            "NSE's list and import it with --accept-content"
        )


def date_in_name(source: SourceFile) -> str:
    """Return the ISO date in the file's name, for a file without a date column. Raises DataError if there is none."""
    found = _NAME_DATE.search(source.stem)
    if not found:
        raise DataError(f"{source.name}: a list of F&O contracts needs a date, inside it or in its name (…_2026-11-30.csv)")
    return found.group(0)


def _is_lots(source: SourceFile) -> bool:
    header = source.header
    return len(header) > 2 and header[0].startswith("underlying") and header[1] == "symbol" and bool(_MONTH.fullmatch(header[2]))


def _is_udiff(source: SourceFile) -> bool:
    if not set(_UDIFF) <= set(source.header):
        return False
    at = source.header.index("sgmt")
    return len(source.first) > at and source.first[at].upper() == "FO"


def _is_kotak(source: SourceFile) -> bool:
    return set(_KOTAK) <= set(source.header)


def _lots(source: SourceFile) -> Parsed:
    """Parse NSE's list of lots. A heading row between indices and shares is skipped. A lot size in any month is a contract."""
    months = [name for name in source.header[2:] if _MONTH.fullmatch(name)]
    text = read_columns(source, {"symbol": "symbol", **{name: name for name in months}})
    text["lot_size"] = [next((cell for cell in row if _lot(cell)), "") for row in text[months].itertuples(index=False)]
    found = text[(text["lot_size"] != "") & (codes(text, "symbol") != "SYMBOL")]
    named = _NAME_DATE.search(source.stem)
    return listed(source, found, named.group(0) if named else _valid_from(source, months[0]).isoformat(), "nse-lots")


def _valid_from(source: SourceFile, month: str) -> date:
    """Return the first day on which a month can be the nearest expiry: the day after the previous month's last Tuesday."""
    first = parse_date(f"01-{month}", ("%d-%b-%y",))
    if first is None:
        raise DataError(f"{source.name}: {month!r} is not a month of contracts")
    last = first - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - 1) % 7) + timedelta(days=1)


def _lot(text: object) -> int:
    """Return a lot size in shares; 0 for any other text."""
    digits = str(text).strip().partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else 0
