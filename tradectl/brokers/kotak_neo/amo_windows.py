"""When Kotak is asked for anything, and whether an order of the day still waits as an after-market order.

Around the minute in which it hands the night's orders to the exchange nobody can say which of the two has an order, so nothing
is asked for then. What waits is changed as an after-market order, what was handed over as an ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from tradectl.errors import Blocked, ConfigurationError
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import format_time, ist_date, to_ist

BEFORE, AFTER = timedelta(minutes=5), timedelta(seconds=30)
"""Nothing is asked for from so long before a session's first phase until so long after its start (08:55:00 to 09:00:30)."""


@dataclass(frozen=True, slots=True)
class Hours:
    """`amo_from`, `amo_until`: the window of after-market orders, in IST; it is open through days without a session."""

    sessions: SessionTable
    amo_from: time
    amo_until: time

    @classmethod
    def of(cls, sessions: SessionTable, amo_from: str, amo_until: str) -> Hours:
        """From words such as `16:05`. ConfigurationError for others."""
        try:
            return cls(sessions, time.fromisoformat(amo_from), time.fromisoformat(amo_until))
        except ValueError as error:
            raise ConfigurationError(f"the window of after-market orders is two times such as 16:05: {error}") from error

    def check_command(self, now: datetime) -> None:
        """Blocked where nothing is asked for."""
        session = self.sessions.session(ist_date(now))
        if session is None:
            return
        start = _start(session)
        if start - BEFORE <= now < start + AFTER:
            until = to_ist(start + AFTER)
            raise Blocked(f"Kotak hands the night's orders to the exchange: nothing is sent before {until:%H:%M:%S}")

    def check_amo(self, now: datetime) -> None:
        """Blocked where no after-market order is taken."""
        if not self._takes_amo(now):
            window = f"{format_time(self.amo_from)} to {format_time(self.amo_until)}"
            raise Blocked(f"Kotak takes after-market orders from {window}, and it is {to_ist(now):%H:%M}")

    def waits(self, now: datetime, is_queued: Callable[[], bool]) -> bool:
        """Whether an order that is alive now waits as an after-market order. Outside a session's phases nothing else lives,
        within them no such one before the window opens; where both overlap `is_queued` is asked, whether the book says so."""
        session = self.sessions.session(ist_date(now))
        if session is None or not _start(session) <= now < _end(session):
            return True
        return self._takes_amo(now) and is_queued()

    def _takes_amo(self, now: datetime) -> bool:
        session = self.sessions.session(ist_date(now))
        if session is None:
            return True
        at = to_ist(now).time()
        ordinary = at < self.amo_until or at >= self.amo_from
        return ordinary and not _start(session) - BEFORE <= now < _start(session) + AFTER and not self._trades(session, now)

    def _trades(self, session: Session, now: datetime) -> bool:
        """Whether the session is on and the window is not meant to be open beside it (an evening session)."""
        return _start(session) <= now < _end(session) and to_ist(_start(session)).time() >= self.amo_from


def _start(session: Session) -> datetime:
    return session.phases(closing_auction=True)[0].start


def _end(session: Session) -> datetime:
    return session.phases(closing_auction=True)[-1].end
