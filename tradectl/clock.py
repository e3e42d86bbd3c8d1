"""Read the time. No other module does so: ruff bans the standard functions elsewhere.

`SystemClock` is the machine's clock. `VirtualClock` stands at a given moment, and its sleeps take no time. Both also return the
machine's time (`machine_now`), by which leases end even in a simulated day.
"""

from __future__ import annotations

import sys
import time as _time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Read the machine's clock."""

    virtual = False

    def now(self) -> datetime:
        """Return the machine's time (UTC), which is also that of the traded day."""
        return datetime.now(UTC)

    def machine_now(self) -> datetime:
        """Return the machine's time (UTC)."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds; a negative number counts as 0."""
        _time.sleep(max(0.0, seconds))


class VirtualClock:
    """Keep a moment that only `sleep` and `move_to` change. Raises ValueError for a naive start."""

    virtual = True

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a virtual clock starts at an aware moment")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the time of the traded day (UTC)."""
        return self._now

    def machine_now(self) -> datetime:
        """Return the machine's time (UTC)."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Move the clock forward by some seconds, without waiting."""
        if seconds > 0:
            self._now += timedelta(seconds=seconds)

    def move_to(self, moment: datetime) -> None:
        """Move the clock forward to an aware moment. Raises ValueError for an earlier moment."""
        target = moment.astimezone(UTC)
        if target < self._now:
            raise ValueError(f"a virtual clock does not go back ({self._now} to {target})")
        self._now = target


def since_boot() -> float:
    """Return the seconds since the machine started, with the time in sleep mode. Setting the clock does not change them."""
    return _time.clock_gettime(_time.CLOCK_BOOTTIME if sys.platform == "linux" else _time.CLOCK_MONOTONIC)


def stopwatch() -> float:
    """Return the seconds of a steady clock with an arbitrary start, to measure how long work takes."""
    return _time.perf_counter()
