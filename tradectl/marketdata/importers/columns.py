"""Columns of text made exact: rupees to integer paise, counts to integers, dates to ISO text. A value that does not fit is one
line that names the file and the row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from tradectl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from tradectl.marketdata.importers.source import SourceFile

EQUITY_SERIES = ("EQ", "BE", "BZ")
"""The series whose bars are kept, the preferred one first; every other series of a bhavcopy is skipped and counted."""
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Parsed:
    """What a file says, ready for one table of the archive. `skipped` counts the rows left out, by reason."""

    table: str
    frame: pd.DataFrame
    skipped: Counter[str] = field(default_factory=Counter)


def numbers(source: SourceFile, frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """The column as finite floats."""
    import pandas as pd

    values = np.array(pd.to_numeric(frame[column], errors="coerce"), dtype=np.float64)
    _refuse(source, frame, column, ~np.isfinite(values), "is not a number")
    return values


def paise(source: SourceFile, frame: pd.DataFrame, column: str) -> NDArray[np.int64]:
    """Prices in rupees to integer paise, exactly: no more than two decimals, and above zero.

    A decimal text with two places becomes the float nearest to it, and so does paise / 100: they are equal or it had more.
    """
    values = numbers(source, frame, column)
    _refuse(source, frame, column, values <= 0, "is no price: zero or negative")
    scaled = np.rint(values * 100)
    _refuse(source, frame, column, np.abs(values - scaled / 100) > 1e-9, "has more than two decimals")
    return scaled.astype(np.int64)


def counts(source: SourceFile, frame: pd.DataFrame, column: str) -> NDArray[np.int64]:
    """Whole numbers from zero up."""
    values = numbers(source, frame, column)
    _refuse(source, frame, column, values < 0, "is negative")
    _refuse(source, frame, column, values != np.rint(values), "is not a whole number")
    return values.astype(np.int64)


def dates(source: SourceFile, frame: pd.DataFrame, column: str, *formats: str) -> pd.Series[str]:
    """Dates in one of the formats to ISO text; each distinct text is read once."""
    known: dict[str, str] = {}
    for text in frame[column].unique():
        day = parse_date(str(text), formats)
        if day is not None:
            known[str(text)] = day.isoformat()
    result = frame[column].map(known)
    _refuse(source, frame, column, np.array(result.isna()), "is not a date")
    return result


def parse_date(text: str, formats: Sequence[str]) -> date | None:
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    return None


def refuse_bad_shapes(source: SourceFile, frame: pd.DataFrame) -> None:
    """DataError where low <= open, close <= high does not hold."""
    top, bottom = frame[["open", "close"]].max(axis=1), frame[["open", "close"]].min(axis=1)
    wrong = np.array((frame["high"] < top) | (frame["low"] > bottom))
    if wrong.any():
        row = frame[wrong].iloc[0]
        shown = ", ".join(f"{name} {row[name] / 100:.2f}" for name in PRICES)
        raise source.bad(int(frame.index[wrong][0]), f"low <= open, close <= high does not hold ({shown})")


def bars(source: SourceFile, text: pd.DataFrame) -> Parsed:
    """Rows of text with symbol, series, session (ISO), prices in rupees and volume, to bars of the archive.

    Only equity series are kept. A symbol with two series on one session keeps EQ before BE before BZ.
    """
    skipped: Counter[str] = Counter()
    equity = text["series"].isin(EQUITY_SERIES)
    if not equity.all():
        skipped["other series"] = int((~equity).sum())
    text = text[equity]
    if text.empty:
        raise DataError(f"{source.name}: holds no row of series {', '.join(EQUITY_SERIES)}")
    _refuse(source, text, "symbol", np.array(text["symbol"] == ""), "is empty")
    frame = text[["symbol", "session", "series"]].copy()
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
    repeated = np.array(frame.duplicated(key))
    if repeated.any():
        row = frame[repeated].iloc[0]
        raise source.bad(int(frame.index[repeated][0]), "repeats " + " ".join(str(row[name]) for name in key))


def _refuse(source: SourceFile, frame: pd.DataFrame, column: str, wrong: NDArray[np.bool_], complaint: str) -> None:
    if wrong.any():
        at = int(np.argmax(wrong))
        raise source.bad(int(frame.index[at]), f"{column} {str(frame[column].iloc[at])!r} {complaint}")
