"""When an order is sent to Dhan, and whether it still waits there as an after-market order.

After-market orders are sent with `amoTime` PRE_OPEN: the exchange has them from the first phase of their session on. Around that
moment it is not known which of the two has an order, so nothing is sent. A regular order is sent in the phases of a session only:
what Dhan makes of one at another time is not documented.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tradectl.errors import Blocked
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import ist_date, to_ist

BEFORE, AFTER = timedelta(minutes=5), timedelta(seconds=30)
"""Nothing is sent from so long before a session's first phase until so long after its start (08:55:00 to 09:00:30)."""


@dataclass(frozen=True, slots=True)
class Hours:
    """By the session table."""

    sessions: SessionTable

    def check_quiet(self, now: datetime) -> None:
        """Blocked while after-market orders go to the exchange."""
        session = self.sessions.session(ist_date(now))
        if session is not None and _start(session) - BEFORE <= now < _start(session) + AFTER:
            begin, end = to_ist(_start(session) - BEFORE), to_ist(_start(session) + AFTER)
            raise Blocked(f"from {begin:%H:%M:%S} to {end:%H:%M:%S} Dhan passes orders to the exchange: nothing is sent to it")

    def check_place(self, now: datetime, *, amo: bool) -> None:
        """Blocked where an order of this kind is not sent."""
        self.check_quiet(now)
        session = self.sessions.session(ist_date(now))
        on = session is not None and _start(session) <= now < _end(session)
        if amo and on:
            raise Blocked(f"no after-market order is sent to Dhan while a session is on, and it is {to_ist(now):%H:%M}")
        if not amo and not (session is not None and _in_a_phase(session, now)):
            raise Blocked(f"NSE takes no orders at {to_ist(now):%H:%M}: a regular order is not sent to Dhan")

    def waits(self, placed_at: datetime, now: datetime) -> bool:
        """Return whether an after-market order that is alive has not been sent to the exchange yet."""
        day = ist_date(placed_at)
        session = self.sessions.session(day)
        if session is None or placed_at >= _start(session):
            session = self.sessions.next_session(day)
        return now < _start(session)


def _in_a_phase(session: Session, now: datetime) -> bool:
    return any(session.phase_at(now, closing_auction) is not None for closing_auction in (False, True))


def _start(session: Session) -> datetime:
    return session.phases(closing_auction=True)[0].start


def _end(session: Session) -> datetime:
    return session.phases(closing_auction=True)[-1].end
