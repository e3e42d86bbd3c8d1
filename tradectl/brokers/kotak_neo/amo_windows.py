"""Say when Kotak takes which command, and whether an order of the day still waits as an after-market order.

An order that waits is changed as an after-market order, one that is at the exchange as an ordinary order. Around the minute in
which Kotak hands the night's orders over nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time

from tradectl.errors import Blocked, ConfigurationError
from tradectl.exchange.amo_windows import is_on, quiet_time
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import format_time, ist_date, to_ist


@dataclass(frozen=True, slots=True)
class KotakHours:
    """When Kotak takes which command.

    Attributes:
        amo_from, amo_until: The window of after-market orders, in IST. It is open through days without a session.
    """

    sessions: SessionTable
    amo_from: time
    amo_until: time

    @classmethod
    def of(cls, sessions: SessionTable, amo_from: str, amo_until: str) -> KotakHours:
        """Make one from texts such as `16:05`. Raises ConfigurationError for others."""
        try:
            return cls(sessions, time.fromisoformat(amo_from), time.fromisoformat(amo_until))
        except ValueError as error:
            raise ConfigurationError(f"the window of after-market orders is two times such as 16:05: {error}") from error

    def check_command(self, now: datetime) -> None:
        """Raise Blocked while no command is sent."""
        quiet = quiet_time(self.sessions, now)
        if quiet is not None:
            raise Blocked(f"Kotak releases AMO orders to NSE: nothing is sent before {quiet[1]:%H:%M:%S}")

    def check_amo(self, now: datetime) -> None:
        """Raise Blocked where Kotak takes no after-market order."""
        if not self._takes_amo(now):
            window = f"{format_time(self.amo_from)} to {format_time(self.amo_until)}"
            raise Blocked(f"Kotak takes after-market orders from {window}, and it is {to_ist(now):%H:%M}")

    def waits(self, now: datetime, is_queued: Callable[[], bool]) -> bool:
        """Return whether an order that is alive now waits as an after-market order.

        Outside a session's phases every live order does. Within them none does before the window opens; where both overlap,
        `is_queued` returns what the book says.
        """
        if not is_on(self.sessions.session(ist_date(now)), now):
            return True
        return self._takes_amo(now) and is_queued()

    def _takes_amo(self, now: datetime) -> bool:
        session = self.sessions.session(ist_date(now))
        if session is None:
            return True
        at = to_ist(now).time()
        ordinary = at < self.amo_until or at >= self.amo_from
        return ordinary and quiet_time(self.sessions, now) is None and not self._trades(session, now)

    def _trades(self, session: Session, now: datetime) -> bool:
        """Return whether the session is on and the window is not open beside it (it is beside an evening session)."""
        return is_on(session, now) and to_ist(session.begins_at()).time() >= self.amo_from
