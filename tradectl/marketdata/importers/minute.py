"""One-minute bars: datetime,open,high,low,close,volume[,ticks]. The file has no symbol: its name is the symbol, SYM.csv[.gz]."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import PRICES, Parsed, counts, paise, refuse_bad_shapes
from tradectl.marketdata.importers.source import SourceFile, read_columns

if TYPE_CHECKING:
    import pandas as pd

KIND = "minute"
COLUMNS = {name: name for name in ("datetime", *PRICES, "volume")}
OPEN_MINUTE = 9 * 60 + 15
"""Minutes are counted from 09:15."""


def recognises(source: SourceFile) -> bool:
    return {"datetime", "open", "close"} <= set(source.header)


def parse(source: SourceFile) -> Parsed:
    """Drops and counts what ticks are known to bring: minutes of 1970, minutes before 09:15, repeated minutes."""
    text = read_columns(source, COLUMNS)
    skipped: Counter[str] = Counter()
    stamps = _stamps(source, text)
    good = np.array(stamps.dt.year != 1970)
    skipped["dated 1970"] = int((~good).sum())
    text, stamps = text[good], stamps[good]
    if text.empty:
        raise DataError(f"{source.name}: every minute is dated 1970")
    frame = text[[]].copy()
    frame["symbol"] = source.stem.upper()
    frame["session"] = stamps.dt.strftime("%Y-%m-%d")
    frame["minute"] = stamps.dt.hour * 60 + stamps.dt.minute - OPEN_MINUTE
    for name in PRICES:
        frame[name] = paise(source, text, name)
    frame["volume"] = counts(source, text, "volume")
    refuse_bad_shapes(source, frame)
    early = frame["minute"] < 0
    skipped["before 09:15"] = int(early.sum())
    frame = frame[~early]
    repeated = frame.duplicated(["session", "minute"])
    skipped["repeated minute"] = int(repeated.sum())
    return Parsed("minutes", frame[~repeated], +skipped)


def _stamps(source: SourceFile, text: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    import pandas as pd

    stamps = pd.to_datetime(text["datetime"].str.slice(0, 16).str.replace("T", " "), format="%Y-%m-%d %H:%M", errors="coerce")
    bad = np.array(stamps.isna())
    if bad.any():
        at = int(np.argmax(bad))
        raise source.bad(int(text.index[at]), f"datetime {text['datetime'].iloc[at]!r} is not a time like 2021-03-30 09:15:00")
    return stamps
