"""Parse the columns that the three bhavcopy formats share. Each file has one session, given by the date inside the file.

The date in the name is not reliable: for a holiday, NSE serves the file of the previous session under the holiday's name.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import Parsed, bars, codes, dates
from tradectl.marketdata.importers.source import SourceFile, read_columns
from tradectl.marketdata.importers.stamps import parse_date

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME_DATES = (
    (re.compile(r"cm(\d{2}[A-Za-z]{3}\d{4})bhav", re.IGNORECASE), "%d%b%Y"),
    (re.compile(r"bhavdata_full_(\d{8})", re.IGNORECASE), "%d%m%Y"),
    (re.compile(r"_(\d{8})_F_", re.IGNORECASE), "%Y%m%d"),
)


def bhavcopy(source: SourceFile, columns: Mapping[str, str], date_format: str) -> Parsed:
    """Return the bars of one session.

    Raises DataError if the file has more than one date, or rows of another exchange or segment than NSE's cash market."""
    frame = read_columns(source, columns)
    frame["session"] = dates(source, frame, "date", date_format)
    held = sorted(frame["session"].unique())
    if len(held) != 1:
        raise DataError(f"{source.name}: a bhavcopy has one date, but this file has {len(held)} ({held[0]} to {held[-1]})")
    if "exchange" in frame.columns and not (codes(frame, "exchange") == "NSE").all():
        raise DataError(
            f"{source.name}: is a bhavcopy of another exchange; only NSE's are imported (`tradectl data fetch` downloads them)"
        )
    if "segment" in frame.columns and not (codes(frame, "segment") == "CM").all():
        raise DataError(f"{source.name}: has rows of another segment than CM, the cash market")
    return bars(source, frame)


def date_in_name(source: SourceFile) -> date | None:
    """Return the date in the name of a bhavcopy; None if the name has none."""
    for pattern, form in _NAME_DATES:
        found = pattern.search(source.stem)
        if found:
            return parse_date(found.group(1), (form,))
    return None
