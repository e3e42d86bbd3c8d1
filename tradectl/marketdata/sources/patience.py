"""Pace requests, limit waits, and retry: only failures that may pass, and never sooner than the server demands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradectl.clock import SystemClock, stopwatch
from tradectl.errors import SourceUnavailable

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

Look = Callable[[], None]
"""Called between waits; raises when the operator interrupts the fetch."""
BREATH = 0.2
"""Seconds after which a long wait looks whether it should end."""


@dataclass(frozen=True, slots=True)
class Manners:
    """Limits on the requests to one source. `rate`: per second; at 2 a year of sessions takes two minutes. No source
    publishes a limit. `attempts` for each request; `first_wait` in seconds before the second, doubled each time. If the
    server demands more than `longest_wait`, the fetch ends. Timeouts in seconds: `connect`, each `read`, and the
    `whole` file, which has at most `most_bytes` (a bhavcopy has about 300 thousand)."""

    rate: float = 2.0
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 120.0
    connect: float = 5.0
    read: float = 15.0
    whole: float = 90.0
    most_bytes: int = 50_000_000


POLITE = Manners()


class Passing(SourceUnavailable):
    """A failure that may pass; `wait`: the seconds that the server demanded, if it did."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


def requested_wait(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header; None without one, and for a date, its rare other form."""
    return float(header) if header and header.strip().isdecimal() else None


def _go_on() -> None:
    """Never stop."""


class Patience:
    """Paces the requests to one source and repeats those that may pass.

    Waits take real time also on a virtual clock, because the server is real.
    """

    def __init__(self, manners: Manners, look: Look = _go_on) -> None:
        self.manners = manners
        self.look = look
        self._free_at = 0.0

    def turn(self) -> None:
        """Wait until the next request may be made."""
        self.pause(self._free_at - stopwatch())
        self._free_at = stopwatch() + 1 / self.manners.rate

    def pause(self, seconds: float) -> None:
        """Wait for some seconds and call `look` meanwhile; `look` raises to end the wait."""
        until, clock = stopwatch() + seconds, SystemClock()
        self.look()
        while (left := until - stopwatch()) > 0:
            clock.sleep(min(left, BREATH))
            self.look()

    def retrying(self) -> Retrying:
        """Return a tenacity `Retrying`: `patience.retrying()(function, …)`. It raises the last failure unchanged."""
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        return Retrying(
            stop=stop_after_attempt(self.manners.attempts),
            wait=self._wait,
            retry=retry_if_exception(self._passes),
            sleep=self.pause,
            reraise=True,
        )

    def _passes(self, error: BaseException) -> bool:
        return isinstance(error, Passing) and (error.wait or 0.0) <= self.manners.longest_wait

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, Passing) else None
        return self.manners.first_wait * 2 ** (state.attempt_number - 1) if asked is None else asked
