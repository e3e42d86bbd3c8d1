"""Compute the time at which a broker's after-market orders (AMO) go to the exchange.

An after-market order waits at the broker until the first phase of its session begins (09:00 on an ordinary day). From then
on it is an ordinary order. Around that moment it is unknown whether the order is at the broker or at the exchange. Each
broker's package adds the window in which the broker accepts such orders.

Sources: support.zerodha.com (the AMO window ends at 08:58; older copies say 08:57); kite.trade forum 40302; Kotak's pages
(08:57 in the newest).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import ist_date, to_ist

CUTOFF = timedelta(minutes=2)
"""After-market orders are accepted until this long before the first phase at the latest (08:58 on an ordinary day)."""
QUIET_BEFORE, QUIET_AFTER = timedelta(minutes=5), timedelta(seconds=30)
"""No command is sent from this long before the first phase until this long after its start (08:55:00 to 09:00:30)."""


def is_on(session: Session | None, now: datetime) -> bool:
    """Return whether a moment is within a session, from its first phase to the end of its last; False without one."""
    return session is not None and session.begins_at() <= now < session.ends_at()


def next_with_hours(sessions: SessionTable, day: date) -> Session:
    """Return the first session after a date whose hours are known. No after-market order is released into one without hours.

    Raises:
        UncoveredDate: The session table ends before that session.
    """
    session = sessions.next_session(day)
    while not session.hours_known:
        session = sessions.next_session(session.date)
    return session


def quiet_time(sessions: SessionTable, now: datetime) -> tuple[datetime, datetime] | None:
    """Return the start and the end (IST) of the quiet time that contains `now`, None outside of a quiet time.

    No command is sent in the quiet time around the first phase.

    Raises:
        UncoveredDate: The date lies outside the session table.
    """
    session = sessions.session(ist_date(now))
    if session is None or not session.hours_known:
        return None
    start, end = session.begins_at() - QUIET_BEFORE, session.begins_at() + QUIET_AFTER
    return (to_ist(start), to_ist(end)) if start <= now < end else None
