"""The times around the start of a session at which brokers pass after-market orders (AMO) to the exchange.

An after-market order waits at the broker until the first phase of its session begins (09:00 on an ordinary day). Around that
time the order may be at the broker or at the exchange, so tradectl sends nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tradectl.exchange.sessions import Session

QUIET_BEFORE, QUIET_AFTER = timedelta(minutes=5), timedelta(seconds=30)
"""Nothing is sent from 08:55:00 to 09:00:30 on an ordinary day.

Kite's window ends at 08:58 (support.zerodha.com; older copies say 08:57).
"""


def first_phase_start(session: Session) -> datetime:
    """Return the start of the first phase (UTC): from then on the exchange has the after-market orders of the session."""
    return session.phases(closing_auction=True)[0].start


def last_phase_end(session: Session) -> datetime:
    """Return the end of the last phase of a stock with a closing auction (UTC)."""
    return session.phases(closing_auction=True)[-1].end


def handover(session: Session) -> tuple[datetime, datetime]:
    """Return the times (UTC) from which and until which nothing is sent, the end excluded."""
    start = first_phase_start(session)
    return start - QUIET_BEFORE, start + QUIET_AFTER


def is_handover(session: Session, now: datetime) -> bool:
    """Return whether a moment lies in the handover of a session."""
    begin, end = handover(session)
    return begin <= now < end
