"""Read the time of a trade of the price feed. Kotak documents neither the unit of its times nor where they begin.

A number is read in every unit in use, and a reading counts only where it alone lies near the clock's now. One under which a
trade has ever lain in the future is excluded for good. So a stock that has not traded for a while has no time, an unknown unit
never has one, and their prices are requested: a wrong guess costs requests, and never takes an old price for a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tradectl.brokers.account.prices import FRESH

SECOND = 1_000_000_000
"""Nanoseconds."""
SINCE_1970 = datetime(1970, 1, 1, tzinfo=UTC)
# NSE's own clock began at midnight in India. Where midnight UTC is meant, this reads five and a half hours early: never near now.
SINCE_1980 = datetime(1979, 12, 31, 18, 30, tzinfo=UTC)
READINGS = ((SECOND, SINCE_1970), (1_000_000, SINCE_1970), (1_000, SINCE_1970), (1, SINCE_1970), (SECOND, SINCE_1980))
"""A unit in nanoseconds, and the moment since which it counts."""


class Times:
    """What the numbers of one connection may mean; it learns from each."""

    def __init__(self) -> None:
        self._possible: Sequence[tuple[int, datetime]] = READINGS

    def moment(self, number: int, now: datetime) -> datetime | None:
        """Return the time, if it was within FRESH of `now`; None where that is not sure."""
        near = []
        for reading in self._possible:
            after = _after(number, reading, now)
            if after > _nanoseconds(FRESH):
                self._possible = [other for other in self._possible if other != reading]
            elif after >= -_nanoseconds(FRESH):
                near.append(now + timedelta(microseconds=after // 1000))
        return near[0] if len(near) == 1 else None


def _after(number: int, reading: tuple[int, datetime], now: datetime) -> int:
    """Return by how many whole nanoseconds a number lies after now: a wrong reading lies outside of any calendar."""
    unit, since = reading
    return number * unit - _nanoseconds(now - since)


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
