"""Convert columns of text exactly: rupees to integer paise, counts to integers, dates to ISO text.

An invalid value raises DataError with one line that names the file and the row."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from tradectl.errors import DataError
from tradectl.marketdata.importers.stamps import parse_date, read_date, why_no_date
from tradectl.model.series import EQUITY_SERIES
from tradectl.model.symbols import read_symbol, shown

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tradectl.marketdata.importers.source import SourceFile

__all__ = [
    "EQUITY_SERIES", "PRICES", "Parsed", "bars", "codes", "counts", "dates", "numbers", "paise",
    "refuse_bad_shapes", "refuse_repeats", "symbols",
]  # fmt: skip

PRICES = ("open", "high", "low", "close")
MOST_RUPEES = 10_000_000
"""Maximum price; no share of NSE ever cost a tenth of it."""
MOST_COUNTED = 10**12
"""Maximum of a volume or another count."""
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)
_GROUPED = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})*,\d{3})(\.\d*)?", re.ASCII)
"""Digits in groups, in the Western or the Indian form."""
_SHORTENED = re.compile(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+", re.ASCII)


class Parsed(Struct, frozen=True):
    """Hold the rows of a file for one table of the archive. `skipped`: number of rows left out, by reason."""

    table: str
    frame: pd.DataFrame
    skipped: Counter[str] = field(default_factory=Counter)


def numbers(source: SourceFile, frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return a column as finite floats. Digits may be grouped (`12,34,567.50`). Raises DataError."""
    import pandas as pd

    texts = frame[column]
    digits = "".join(np.asarray(texts, dtype=object)).replace(".", "")
    if not (digits.isascii() and digits.isdecimal()):
        texts = texts.map({text: _plain(str(text)) for text in texts.unique()})
    values = np.array(pd.to_numeric(texts, errors="coerce"), dtype=np.float64)
    wrong = ~np.isfinite(values)
    if wrong.any():
        text = str(frame[column].iloc[int(np.argmax(wrong))])
        shortened = "was shortened by a spreadsheet; format the column as a number and save the file again"
        _refuse(source, frame, column, wrong, shortened if _SHORTENED.fullmatch(text) else "is not a number")
    return values


def _plain(text: str) -> str:
    """Return a number without the commas of its groups; empty for any other text."""
    if _PLAIN.fullmatch(text):
        return text
    return text.replace(",", "") if _GROUPED.fullmatch(text) else ""


def paise(source: SourceFile, frame: pd.DataFrame, column: str) -> NDArray[np.int64]:
    """Convert prices in rupees to integer paise, exactly. Raises DataError for more than two decimals and for zero or less.

    A text with two decimals gives the same float as paise / 100, so a difference shows that the text had more decimals.
    """
    if source.delimiter != "," and any("," in text for text in frame[column].unique()):
        commas = np.array(frame[column].str.contains(",") & ~frame[column].str.contains(".", regex=False))
        _refuse(source, frame, column, commas, "may have a decimal comma; write prices with a decimal point")
    values = numbers(source, frame, column)
    _refuse(source, frame, column, values <= 0, "is not a price: it is zero or negative")
    _refuse(source, frame, column, values > MOST_RUPEES, f"is not a price: it is above Rs {MOST_RUPEES:,}")
    scaled = np.rint(values * 100)
    _refuse(source, frame, column, np.abs(values - scaled / 100) > 4e-9, "has more than two decimals")
    return scaled.astype(np.int64)


def counts(source: SourceFile, frame: pd.DataFrame, column: str) -> NDArray[np.int64]:
    """Return a column as integers. Raises DataError for negative, fractional and too large numbers."""
    values = numbers(source, frame, column)
    _refuse(source, frame, column, values < 0, "is negative")
    _refuse(source, frame, column, values > MOST_COUNTED, f"is above {MOST_COUNTED:,}")
    _refuse(source, frame, column, values != np.rint(values), "is not a whole number")
    return values.astype(np.int64)


def dates(source: SourceFile, frame: pd.DataFrame, column: str, *formats: str) -> pd.Series[str]:
    """Return a column as ISO dates. `formats`: `strptime` formats of the source, besides the known ones. Raises DataError."""
    known: dict[str, str] = {}
    for text in frame[column].unique():
        day = read_date(str(text)) or parse_date(str(text), formats)
        if day is not None:
            known[str(text)] = day.isoformat()
    result = frame[column].map(known)
    wrong = np.array(result.isna())
    if wrong.any():
        _refuse(source, frame, column, wrong, why_no_date(str(frame[column].iloc[int(np.argmax(wrong))])))
    return result


def codes(frame: pd.DataFrame, column: str) -> pd.Series[str]:
    """Return a column in upper case."""
    return frame[column].map({text: str(text).upper() for text in frame[column].unique()})


def symbols(source: SourceFile, frame: pd.DataFrame, column: str, series: str | None = None) -> pd.Series[str]:
    """Return a column of symbols in the exchange's spelling.

    `series`: the column with the row's series. Raises DataError for an invalid symbol, or one whose suffix is another series."""
    known: dict[str, str] = {}
    for text in frame[column].unique():
        try:
            found = read_symbol(str(text))
        except ValueError as error:
            _refuse(source, frame, column, np.array(frame[column] == text), str(error))
            raise  # unreachable: the text is in the column
        known[str(text)] = found.symbol
        if series is not None and found.series:
            other = np.array((frame[column] == text) & (frame[series] != found.series))
            _refuse(source, frame, column, other, f"is of series {found.series}, but the row is of another series")
    return frame[column].map(known)


def refuse_bad_shapes(source: SourceFile, frame: pd.DataFrame) -> None:
    """Raise DataError for a bar whose open or close is outside low to high."""
    top, bottom = frame[["open", "close"]].max(axis=1), frame[["open", "close"]].min(axis=1)
    wrong = np.array((frame["high"] < top) | (frame["low"] > bottom))
    if wrong.any():
        row = frame[wrong].iloc[0]
        shown = ", ".join(f"{name} {row[name] / 100:.2f}" for name in PRICES)
        raise source.bad(int(frame.index[wrong][0]), f"open or close is not between low and high ({shown})")


def bars(source: SourceFile, text: pd.DataFrame) -> Parsed:
    """Convert text with symbol, series, session (ISO), prices in rupees and volume to bars of the archive.

    Only equity series are kept. Of a symbol with several series in one session, EQ is kept before BE before BZ. Raises
    DataError for invalid values, for a repeated bar, and if no row is of an equity series.
    """
    skipped: Counter[str] = Counter()
    text = text.assign(series=codes(text, "series"))
    equity = text["series"].isin(EQUITY_SERIES)
    if not equity.all():
        skipped["other series"] = int((~equity).sum())
    text = text[equity]
    if text.empty:
        raise DataError(f"{source.name}: has no row of series {', '.join(EQUITY_SERIES)}")
    frame = text[["session", "series"]].copy()
    frame.insert(0, "symbol", symbols(source, text, "symbol", "series"))
    for name in PRICES:
        frame[name] = paise(source, text, name)
    frame["volume"] = counts(source, text, "volume")
    frame["provisional"] = 0
    refuse_bad_shapes(source, frame)
    refuse_repeats(source, frame, ["symbol", "session", "series"])
    if frame.duplicated(["symbol", "session"]).any():
        rank = frame["series"].map({series: i for i, series in enumerate(EQUITY_SERIES)})
        best = frame.assign(rank=rank).sort_values(["symbol", "session", "rank"]).drop_duplicates(["symbol", "session"])
        skipped["second series of a symbol"] = len(frame) - len(best)
        frame = best.drop(columns="rank")
    return Parsed("bars", frame, skipped)


def refuse_repeats(source: SourceFile, frame: pd.DataFrame, key: list[str]) -> None:
    """Raise DataError if two rows have equal values in the columns of `key`."""
    repeated = np.array(frame.duplicated(key))
    if repeated.any():
        row = frame[repeated].iloc[0]
        raise source.bad(int(frame.index[repeated][0]), "repeats " + " ".join(str(row[name]) for name in key))


def _refuse(source: SourceFile, frame: pd.DataFrame, column: str, wrong: NDArray[np.bool_], complaint: str) -> None:
    if wrong.any():
        at = int(np.argmax(wrong))
        raise source.bad(int(frame.index[at]), f"{column} {shown(str(frame[column].iloc[at]))} {complaint}")
