"""Decide when an order may be sent to Dhan, and whether an after-market order still waits there.

After-market orders are sent with `amoTime` PRE_OPEN: Dhan sends them to the exchange at the first phase of their session. A
regular order is sent only within the phases of a session, because Dhan does not document what it does with one at other times.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from tradectl.errors import Blocked
from tradectl.exchange.amo_windows import is_on, next_with_hours, quiet_time
from tradectl.exchange.sessions import SessionTable
from tradectl.model.moment import ist_date, to_ist


class DhanHours(Struct, frozen=True):
    """Check against the session table whether Dhan accepts a command now."""

    sessions: SessionTable

    def check_quiet(self, now: datetime) -> None:
        """Raise Blocked while Dhan sends the after-market orders to the exchange."""
        quiet = quiet_time(self.sessions, now)
        if quiet is not None:
            begin, end = quiet
            raise Blocked(f"Dhan releases AMO orders to NSE from {begin:%H:%M:%S} to {end:%H:%M:%S}: nothing was sent")

    def check_place(self, now: datetime, *, amo: bool) -> None:
        """Raise Blocked if an after-market (`amo`) or a regular order must not be sent now."""
        self.check_quiet(now)
        session = self.sessions.session(ist_date(now))
        if amo and is_on(session, now):
            raise Blocked(f"no after-market order is sent while a session is on, and it is {to_ist(now):%H:%M}")
        if not amo and (session is None or not session.has_phase_at(now)):
            raise Blocked(f"NSE takes no orders at {to_ist(now):%H:%M}: the regular order was not sent to Dhan")

    def waits(self, placed_at: datetime, now: datetime) -> bool:
        """Return whether a live after-market order still waits at Dhan: its session has not begun."""
        day = ist_date(placed_at)
        session = self.sessions.session(day)
        if session is None or not session.hours_known or placed_at >= session.begins_at():
            session = next_with_hours(self.sessions, day)
        return now < session.begins_at()
