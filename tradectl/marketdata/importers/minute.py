"""Import one-minute bars: a timestamp and open,high,low,close,volume, from Kite, from ticks or from a data vendor.

The timestamp marks the beginning of the minute. It is one column (`datetime`, `timestamp`, `date` or `time`) or the two columns
`date` and `time`. A timestamp without a time zone is IST. The symbol is a column or the file's name: SYM.csv[.gz].
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import PRICES, Parsed, counts, paise, refuse_bad_shapes, symbols
from tradectl.marketdata.importers.naming import symbol_in_name
from tradectl.marketdata.importers.source import SourceFile, read_columns
from tradectl.marketdata.importers.stamps import DAY, IST_OFFSET, TimeOfDay, read_date, read_time, split_stamp, why_no_time
from tradectl.model.symbols import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from numpy.typing import NDArray

KIND = "minute"
STAMPS = ("datetime", "timestamp", "date", "time")
"""Names of the column with the timestamp, in the order of preference."""
SYMBOLS = ("symbol", "ticker", "tradingsymbol")
OPEN_MINUTE = 9 * 60 + 15
"""09:15 IST as minutes after midnight; stored minutes are counted from here."""
CLOSE_MINUTE = 375
"""15:30 IST as minutes after 09:15."""
FEW = 3
"""Minimum number of bars of a day for a check of the distance between them."""
LAST_SECOND = 59
FULL = 300
"""Minimum number of bars of a day whose first and last minute show whether timestamps mark the beginning or the end."""


def recognises(source: SourceFile) -> bool:
    """Return whether a file has prices, a timestamp with a time of day, and no series. Daily bars have a series."""
    if not source.has(*PRICES) or source.has("series"):
        return False
    return source.has("date", "time") or any(name in source.header and _has_time(source, name) for name in STAMPS)


def _has_time(source: SourceFile, column: str) -> bool:
    """Return whether a column has a time of day in the first row. An unreadable value of `datetime` counts as one."""
    at = source.header.index(column)
    text = source.first[at] if at < len(source.first) else ""
    day = read_date(text)
    return (day is None or day.year == 1970) and (column == "datetime" or ":" in text)


def parse(source: SourceFile) -> Parsed:
    """Return the bars of a file. Minutes dated 1970 and repeated equal bars, which occur in tick data, are dropped and counted.

    Raises DataError for other invalid rows."""
    stamps = ["date", "time"] if source.has("date", "time") else [next(name for name in STAMPS if name in source.header)]
    named = next((name for name in SYMBOLS if name in source.header), None)
    wanted = [*stamps, *PRICES, "volume", *([named] if named else [])]
    text = read_columns(source, {name: name for name in wanted})
    skipped: Counter[str] = Counter()
    session, minute = _moments(source, text, stamps)
    old = {day for day in set(session) if day.startswith("1970")}
    good = np.array([day not in old for day in session])
    skipped["dated 1970"] = int((~good).sum())
    text = text[good]
    if text.empty:
        raise DataError(f"{source.name}: every minute is dated 1970")
    frame = text[[]].copy()
    frame["symbol"] = symbols(source, text, named) if named else symbol_in_name(source)
    frame["session"], frame["minute"] = session[good], minute[good] - OPEN_MINUTE
    for name in PRICES:
        frame[name] = paise(source, text, name)
    frame["volume"] = counts(source, text, "volume")
    refuse_bad_shapes(source, frame)
    repeated = frame.duplicated()
    skipped["repeated minute"] = int(repeated.sum())
    frame = frame[~repeated]
    _refuse_two_bars(source, frame)
    _refuse_other_lengths(source, frame)
    return Parsed("minutes", frame, +skipped)


def _moments(source: SourceFile, text: pd.DataFrame, stamps: list[str]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Return the session (ISO date) and the minute after midnight IST of each row. Each distinct date and time is parsed once."""
    values = text[stamps[0]].tolist()
    parts = list(zip(values, text[stamps[1]], strict=True)) if len(stamps) == 2 else [split_stamp(value)[::2] for value in values]
    days = {day: read_date(day) for day in {day for day, _ in parts}}
    times = {time: read_time(time) for time in {time for _, time in parts}}

    def row_of(wrong: Callable[[str, str], bool]) -> tuple[int, str]:
        at = next(at for at, part in enumerate(parts) if wrong(*part))
        return int(text.index[at]), " ".join(parts[at]) if len(stamps) == 2 else values[at]

    if None in days.values() or None in times.values():
        row, stamp = row_of(lambda day, time: days[day] is None or times[time] is None)
        raise source.bad(row, f"{stamps[0]} {shown(stamp)} {why_no_time(stamp)}")
    read = {time: found for time, found in times.items() if found is not None}
    if any(found.second for found in read.values()):
        late = all(found.second >= LAST_SECOND for found in read.values())
        row, stamp = row_of(lambda _, time: bool(read[time].second))
        what = "gives the end of each minute; give its beginning" if late else "has ticks or bars other than one-minute bars"
        raise source.bad(row, f"{stamps[0]} {shown(stamp)} has seconds: the file {what}")
    if len({found.offset is None for found in read.values()}) > 1:
        row, stamp = row_of(lambda _, time: read[time].offset is None)
        raise source.bad(row, f"{stamps[0]} {shown(stamp)} has no time zone, but other rows have one")
    shifted = {time: _in_ist(found) for time, found in read.items()}
    offsets = {days_on for days_on, _ in shifted.values()}
    iso = {(day, on): (found + timedelta(on)).isoformat() for day, found in days.items() if found is not None for on in offsets}
    sessions = np.array([iso[day, shifted[time][0]] for day, time in parts], dtype=object)
    return sessions, np.array([shifted[time][1] for _, time in parts], dtype=np.int64)


def _in_ist(at: TimeOfDay) -> tuple[int, int]:
    """Convert a time of day to IST. Return the change of the date in days (-1, 0 or 1) and the minute after midnight."""
    return divmod(at.minute + (0 if at.offset is None else IST_OFFSET - at.offset), DAY)


def _refuse_two_bars(source: SourceFile, frame: pd.DataFrame) -> None:
    """Raise DataError if one minute has two different bars, because the right one is not known."""
    twice = np.array(frame.duplicated(["symbol", "session", "minute"]))
    if twice.any():
        at = int(np.argmax(twice))
        row = frame.iloc[at]
        place = f"{row['symbol']} {row['session']} {_clock(row['minute'])}"
        raise source.bad(int(frame.index[at]), f"{place} has another bar in an earlier row")


def _refuse_other_lengths(source: SourceFile, frame: pd.DataFrame) -> None:
    """Raise DataError if the bars do not have a length of one minute, or if timestamps mark the end of each minute.

    Bars fail if no two of the file, or no two of a day with FEW bars or more, are one minute apart."""
    one_minute = False
    from_second = ""
    ordered = frame.sort_values(["symbol", "session", "minute"])
    minute = ordered["minute"].to_numpy()
    other = np.flatnonzero(np.asarray(ordered[["symbol", "session"]].ne(ordered[["symbol", "session"]].shift()).any(axis=1)))
    for start, end in zip(other, np.append(other[1:], len(minute)), strict=True):
        found = minute[start:end]
        symbol, session = ordered["symbol"].iloc[start], ordered["session"].iloc[start]
        apart = int(np.gcd.reduce(np.diff(found))) if len(found) > 1 else 0
        if len(found) >= FEW and apart > 1:
            raise DataError(
                f"{source.name}: the bars of {symbol} on {session} are {apart} minutes apart; only one-minute bars are read"
            )
        one_minute = one_minute or apart == 1
        if len(found) >= FULL and found[0] == 1 and found[-1] == CLOSE_MINUTE:
            from_second = from_second or str(session)
    if from_second and not (frame["minute"] == 0).any():
        raise DataError(
            f"{source.name}: its bars go from 09:16 to 15:30 ({from_second}), and none is at 09:15. So the file gives the end of "
            "each minute; give its beginning"
        )
    if not one_minute:
        raise DataError(
            f"{source.name}: no two of its bars are one minute apart, so it does not seem to have one-minute bars. Daily bars "
            "need the columns date,symbol,series,open,high,low,close,volume"
        )


def _clock(minute: int) -> str:
    """Return the time of day as HH:MM. `minute`: minutes after 09:15."""
    return f"{(minute + OPEN_MINUTE) // 60:02d}:{(minute + OPEN_MINUTE) % 60:02d}"
