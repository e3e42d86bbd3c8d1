"""Read the times in OpenAlgo's rows. They are in IST without a zone, and in the trade book without a date.

A time without a date belongs to the newest session in which that time has passed. At 10:00 a trade of `09:20:00` is of today. At
08:00 it is of the previous session, because some books are not emptied overnight.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from tradectl.exchange.sessions import SessionTable
from tradectl.model.moment import IST, at_ist, ist_date

AHEAD = timedelta(minutes=1)
"""How far the broker's clock may be ahead of this machine's clock."""
FORMATS = ("%d-%b-%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%H:%M:%S %d-%m-%Y")
"""Formats in addition to ISO 8601: those of OpenAlgo's documentation, then formats of brokers that OpenAlgo passes on."""


def moment(text: str, sessions: SessionTable, now: datetime) -> datetime:
    """Return the time in UTC. Raises ValueError if the text is not a time, UncoveredDate outside the session table."""
    words = text.strip()
    bare = _time(words)
    if bare is not None:
        return _newest(bare, sessions, now).astimezone(UTC)
    return _dated(words).astimezone(UTC)


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text) if ":" in text[:3] else None
    except ValueError:
        return None


def _newest(bare: time, sessions: SessionTable, now: datetime) -> datetime:
    today = ist_date(now)
    if sessions.session(today) is not None and at_ist(today, bare) <= now + AHEAD:
        return at_ist(today, bare)
    return at_ist(sessions.previous_session(today).date, bare)


def _dated(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _formatted(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=IST)


def _formatted(text: str) -> datetime:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=IST)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a time")
