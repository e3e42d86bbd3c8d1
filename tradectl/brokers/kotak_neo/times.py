"""Read the time of a trade in the price feed. Kotak documents neither the unit nor the start (epoch) of its times.

A number is read in every unit in use. A reading counts only if it is the only one near the current time. A reading that once gave
a time in the future is excluded for the rest of the connection. A stock that has not traded for a while thus has no time, and its
price is requested instead. So a wrong guess costs requests, but an old price never counts as a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tradectl.brokers.account.prices import FRESH

SECOND = 1_000_000_000
"""Nanoseconds."""
SINCE_1970 = datetime(1970, 1, 1, tzinfo=UTC)
# NSE's clock starts at midnight IST. If Kotak counts from midnight UTC, the result is 5.5 hours too early, so never near now.
SINCE_1980 = datetime(1979, 12, 31, 18, 30, tzinfo=UTC)
READINGS = ((SECOND, SINCE_1970), (1_000_000, SINCE_1970), (1_000, SINCE_1970), (1, SINCE_1970), (SECOND, SINCE_1980))
"""Possible readings: a unit in nanoseconds, and the moment from which it counts."""


class Times:
    """Read the numbers of one connection, and exclude readings that give times in the future."""

    def __init__(self) -> None:
        self._possible: Sequence[tuple[int, datetime]] = READINGS

    def moment(self, number: int, now: datetime) -> datetime | None:
        """Return the time of a number if exactly one reading lies within FRESH of `now`; otherwise None."""
        near = []
        for reading in self._possible:
            after = _after(number, reading, now)
            if after > _nanoseconds(FRESH):
                self._possible = [other for other in self._possible if other != reading]
            elif after >= -_nanoseconds(FRESH):
                near.append(now + timedelta(microseconds=after // 1000))
        return near[0] if len(near) == 1 else None


def _after(number: int, reading: tuple[int, datetime], now: datetime) -> int:
    """Return how many nanoseconds a number lies after `now`. Integers are used, because a wrong reading overflows `datetime`."""
    unit, since = reading
    return number * unit - _nanoseconds(now - since)


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
