"""A limiter that lets a command wait until a moment of the day."""

from __future__ import annotations

from datetime import datetime

from tradectl.clock import VirtualClock


class Slow:
    def __init__(self, clock: VirtualClock, until: datetime) -> None:
        self._clock, self._until = clock, until

    def take(self, bucket: str) -> None:
        if bucket == "orders":
            self._clock.move_to(self._until)
