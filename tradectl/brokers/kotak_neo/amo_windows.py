"""Decide when Kotak accepts a command, and whether an order still waits as an after-market order.

A waiting order is changed as an after-market order, an order at the exchange as a regular order. Nothing is sent around the
minute in which Kotak sends the night's orders to the exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time

from msgspec import Struct

from tradectl.errors import Blocked, ConfigurationError
from tradectl.exchange.amo_windows import is_on, quiet_time
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.moment import format_time, ist_date, to_ist


class KotakHours(Struct, frozen=True):
    """Check whether Kotak accepts a command now.

    Attributes:
        amo_from, amo_until: The window of after-market orders, in IST. It stays open on days without a session.
    """

    sessions: SessionTable
    amo_from: time
    amo_until: time

    @classmethod
    def of(cls, sessions: SessionTable, amo_from: str, amo_until: str) -> KotakHours:
        """Return the hours for two times such as `16:05`. Raises ConfigurationError for any other text."""
        try:
            return cls(sessions, time.fromisoformat(amo_from), time.fromisoformat(amo_until))
        except ValueError as error:
            raise ConfigurationError(f"amo_from and amo_until must be times such as 16:05: {error}") from error

    def check_command(self, now: datetime) -> None:
        """Raise Blocked while Kotak sends the after-market orders to the exchange."""
        quiet = quiet_time(self.sessions, now)
        if quiet is not None:
            raise Blocked(f"Kotak releases AMO orders to NSE until {quiet[1]:%H:%M:%S}: nothing was sent")

    def check_amo(self, now: datetime) -> None:
        """Raise Blocked while Kotak accepts no after-market order."""
        if not self._takes_amo(now):
            window = f"{format_time(self.amo_from)} to {format_time(self.amo_until)}"
            raise Blocked(f"Kotak takes after-market orders from {window}, and it is {to_ist(now):%H:%M}: nothing was sent")

    def waits(self, now: datetime, is_queued: Callable[[], bool]) -> bool:
        """Return whether a live order waits as an after-market order.

        Outside a session's phases every live order waits. Within them no order waits, unless the after-market window is open
        too: then `is_queued` decides by the order book.
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
        """Return whether an evening session is on, one that began at `amo_from` or later. The window is closed during it."""
        return is_on(session, now) and to_ist(session.begins_at()).time() >= self.amo_from
