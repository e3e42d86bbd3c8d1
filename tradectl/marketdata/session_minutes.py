"""Minutes against what is known of their day: the hours of the session, and its daily bar.

A stamp in another zone lies outside the hours; prices that were divided by a later split lie outside the bar.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from tradectl.errors import DataError
from tradectl.marketdata.importers.columns import Parsed
from tradectl.marketdata.importers.minute import OPEN_MINUTE
from tradectl.marketdata.importers.source import SourceFile
from tradectl.model.moment import to_ist

if TYPE_CHECKING:
    import sqlite3

    from tradectl.exchange.sessions import Session, SessionTable

BEFORE = 15
"""Minutes of the pre-open before the session: bars there are dropped and counted."""
AFTER = 30
"""Minutes after the last fill, likewise: the post-close."""
SLACK = 0.005
"""Part of a price by which a minute may leave the day's range; the divisor of a split or a bonus is far more."""


def of_sessions(source: SourceFile, parsed: Parsed, sessions: SessionTable) -> Parsed:
    """Return the minutes within the hours of their sessions; those of pre- and post-open are counted. Raises DataError for
    others."""
    frame = parsed.frame
    minute = frame["minute"].to_numpy()
    place, days = frame["session"].factorize()
    found = [sessions.session(date.fromisoformat(text)) for text in days]
    if None in found:
        raise DataError(f"{source.name}: {days[found.index(None)]} is no session of the exchange")
    spans = np.array([hours(session) for session in found if session is not None])[place]
    opens, ends = spans[:, 0], spans[:, 1]
    outside = (minute < opens - BEFORE) | (minute > ends + AFTER)
    if outside.any():
        at = int(np.argmax(outside))
        row = frame.iloc[at]
        raise source.bad(
            int(frame.index[at]),
            f"{row['symbol']} {row['session']} {_clock(int(minute[at]))} IST lies outside the session, "
            f"{_clock(int(opens[at]))} to {_clock(int(ends[at]))}. A time without a zone is read as IST: another zone must stand "
            "behind it, such as 03:45:00+00:00",
        )
    early, late = minute < opens, minute > ends
    skipped = parsed.skipped.copy()
    skipped["before the open"], skipped["after the close"] = int(early.sum()), int(late.sum())
    kept = frame[~(early | late)]
    if kept.empty:
        raise DataError(f"{source.name}: holds no minute between open and close of a session")
    return replace(parsed, frame=kept, skipped=+skipped)


def hours(session: Session) -> tuple[int, int]:
    """Return the minutes after 09:15 at which a session opens and at which its last fill has been seen, both included."""
    return _after_open(session.open_at()), _after_open(session.last_fill_at())


def refuse_other_prices(archive: sqlite3.Connection, source: SourceFile, parsed: Parsed) -> None:
    """Raise DataError where minutes leave the range of the stored daily bar of their session. Raises sqlite3.Error."""
    frame = parsed.frame
    days = frame.groupby(["symbol", "session"], sort=True).agg(low=("low", "min"), high=("high", "max"))
    for (symbol, session), low, high in days.itertuples():
        bar = archive.execute("SELECT low, high FROM bars WHERE symbol = ? AND session = ?", (symbol, session)).fetchone()
        if bar is not None and (low < bar[0] * (1 - SLACK) or high > bar[1] * (1 + SLACK)):
            raise DataError(
                f"{source.name}: the minutes of {symbol} on {session} go from Rs {low / 100:.2f} to {high / 100:.2f}, the day's "
                f"bar from {bar[0] / 100:.2f} to {bar[1] / 100:.2f}: they were divided by a later split, or are of another "
                "share. Only prices as traded are read"
            )


def _after_open(moment: datetime) -> int:
    at = to_ist(moment)
    return at.hour * 60 + at.minute - OPEN_MINUTE


def _clock(minute: int) -> str:
    """Return a minute after 09:15 as HH:MM."""
    return f"{(minute + OPEN_MINUTE) // 60:02d}:{(minute + OPEN_MINUTE) % 60:02d}"
