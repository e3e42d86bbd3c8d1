"""Compare imported minute bars with the hours of their session and with its daily bar.

A timestamp in another time zone falls outside the hours. Prices that were divided by a later split fall outside the daily bar.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import Parsed
from tradectl.marketdata.importers.minute import OPEN_MINUTE
from tradectl.marketdata.importers.source import SourceFile
from tradectl.model.moment import to_ist

if TYPE_CHECKING:
    import sqlite3

    from tradectl.exchange.sessions import Session, SessionTable

BEFORE = 15
"""Minutes of the pre-open, before the session opens. Bars in this span are dropped and counted."""
AFTER = 30
"""Minutes of the post-close, after the last fill. Bars in this span are dropped and counted."""
SLACK = 0.005
"""Share of a price by which a minute bar may exceed the day's range. A split or a bonus changes prices by far more."""


def of_sessions(source: SourceFile, parsed: Parsed, sessions: SessionTable) -> Parsed:
    """Return the minute bars within the hours of their sessions; bars of the pre-open and the post-close are only counted.

    Raises DataError for a date that is not a session and for a bar at another time."""
    frame = parsed.frame
    minute = frame["minute"].to_numpy()
    place, days = frame["session"].factorize()
    found = [sessions.session(date.fromisoformat(text)) for text in days]
    if None in found:
        raise DataError(f"{source.name}: {days[found.index(None)]} is not a session of the exchange")
    spans = np.array([hours(session) for session in found if session is not None])[place]
    opens, ends = spans[:, 0], spans[:, 1]
    outside = (minute < opens - BEFORE) | (minute > ends + AFTER)
    if outside.any():
        at = int(np.argmax(outside))
        row = frame.iloc[at]
        raise source.bad(
            int(frame.index[at]),
            f"{row['symbol']} {row['session']} {_clock(int(minute[at]))} IST is outside the session, "
            f"{_clock(int(opens[at]))} to {_clock(int(ends[at]))}. A time without a time zone is read as IST; write another zone "
            "after the time, such as 03:45:00+00:00",
        )
    early, late = minute < opens, minute > ends
    skipped = parsed.skipped.copy()
    skipped["before the open"], skipped["after the close"] = int(early.sum()), int(late.sum())
    kept = frame[~(early | late)]
    if kept.empty:
        raise DataError(f"{source.name}: has no minute bar between the open and the close of a session")
    return replace(parsed, frame=kept, skipped=+skipped)


def hours(session: Session) -> tuple[int, int]:
    """Return the first and the last minute of a session, both included, in minutes after 09:15 IST."""
    return _after_open(session.open_at()), _after_open(session.last_fill_at())


def refuse_other_prices(archive: sqlite3.Connection, source: SourceFile, parsed: Parsed) -> None:
    """Raise DataError if minute bars exceed the range of the stored daily bar of their session. Raises sqlite3.Error."""
    frame = parsed.frame
    days = frame.groupby(["symbol", "session"], sort=True).agg(low=("low", "min"), high=("high", "max"))
    for (symbol, session), low, high in days.itertuples():
        bar = archive.execute("SELECT low, high FROM bars WHERE symbol = ? AND session = ?", (symbol, session)).fetchone()
        if bar is not None and (low < bar[0] * (1 - SLACK) or high > bar[1] * (1 + SLACK)):
            raise DataError(
                f"{source.name}: the minute bars of {symbol} on {session} go from Rs {low / 100:.2f} to {high / 100:.2f}, but "
                f"the daily bar goes from {bar[0] / 100:.2f} to {bar[1] / 100:.2f}. The minute prices were divided by a later "
                "split, or belong to another share. Only prices as traded are imported"
            )


def _after_open(moment: datetime) -> int:
    at = to_ist(moment)
    return at.hour * 60 + at.minute - OPEN_MINUTE


def _clock(minute: int) -> str:
    """Return the time of day as HH:MM. `minute`: minutes after 09:15."""
    return f"{(minute + OPEN_MINUTE) // 60:02d}:{(minute + OPEN_MINUTE) % 60:02d}"
