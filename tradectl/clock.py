"""The only module that reads the time (ruff bans the standard functions elsewhere).

`SystemClock` is the machine's clock. `VirtualClock` stands at a given moment and its sleeps take no time. Both also return
machine time (`machine_now`), by which leases end even when the day is simulated.
"""

from __future__ import annotations

import sys
import time as _time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's clock."""

    virtual = False

    def now(self) -> datetime:
        """Return the time of the traded day."""
        return datetime.now(UTC)

    def machine_now(self) -> datetime:
        """Return the machine's time."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        _time.sleep(max(0.0, seconds))


class VirtualClock:
    """A clock that stands still until it is moved; sleeping moves it."""

    virtual = True

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a virtual clock starts at an aware moment")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time of the traded day."""
        return self._now

    def machine_now(self) -> datetime:
        """Return the machine's time."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds > 0:
            self._now += timedelta(seconds=seconds)

    def move_to(self, moment: datetime) -> None:
        """Go forward to an aware moment; going back raises ValueError."""
        target = moment.astimezone(UTC)
        if target < self._now:
            raise ValueError(f"a virtual clock does not go back ({self._now} to {target})")
        self._now = target


def since_boot() -> float:
    """Return the seconds since the machine started, sleep included. Setting the clock does not change them."""
    return _time.clock_gettime(_time.CLOCK_BOOTTIME if sys.platform == "linux" else _time.CLOCK_MONOTONIC)


def stopwatch() -> float:
    """Return seconds on a steady clock of unknown origin, for measuring how long work took."""
    return _time.perf_counter()
