"""The date of the tests: tradectl's clock, moved by a fixed shift in the test process and in every process that it starts.

Time passes as it does on the machine; only the date differs. `tradectl.clock` is the one module that reads the date, so the
name `datetime` in that module is all that is replaced. Timers (`monotonic`, sleeps, waits) and file times stay the machine's.

Two variables carry the date into processes. The program itself reads neither.
- TEST_CLOCK_SHIFT: seconds from the machine's time to the pinned time.
- TEST_DAY_SHIFT: further seconds for `SystemClock.now` alone. Leases still go by the pinned time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

from tradectl import clock

CLOCK, DAY = "TEST_CLOCK_SHIFT", "TEST_DAY_SHIFT"

machine_now = datetime.now
"""Bound before freezegun replaces the class, so it keeps the machine's own time."""
_system_now = clock.SystemClock.now


def seconds_to(moment: datetime) -> float:
    """Return the seconds from the machine's time to a moment."""
    return (moment - machine_now(UTC)).total_seconds()


class PinnedDatetime(datetime):
    """`datetime`, with a `now` that reads the pinned clock."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return machine_now(tz) + timedelta(seconds=float(os.environ[CLOCK]))  # type: ignore[return-value]


def _now_on_another_day(self: clock.SystemClock) -> datetime:
    return _system_now(self) + timedelta(seconds=float(os.environ[DAY]))


def install() -> None:
    """Pin this process by the variables of its environment; does nothing without them."""
    if CLOCK in os.environ:
        clock.datetime = PinnedDatetime  # type: ignore[attr-defined,misc]
    if DAY in os.environ:
        clock.SystemClock.now = _now_on_another_day  # type: ignore[method-assign]
