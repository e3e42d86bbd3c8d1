"""Limit the request rate and the waiting time, and retry temporary failures, never sooner than the server allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.clock import SystemClock, stopwatch
from tradectl.errors import SourceUnavailable

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

Look = Callable[[], None]
"""Function that is called during waits. It raises an exception when the operator interrupts the fetch."""
CHECK_INTERVAL = 0.2
"""Seconds between two calls of `Look` during a long wait."""


class RequestLimits(Struct, frozen=True):
    """Set the limits of the requests to one source. Times are in seconds.

    Attributes:
        rate: Requests per second. No source publishes a limit; with 2, a year of sessions takes two minutes.
        attempts: Maximum number of attempts of one request.
        first_wait: Wait before the second attempt; it doubles with each further attempt.
        longest_wait: The fetch ends if the server demands a longer wait.
        connect: Timeout of connecting.
        read: Timeout of each read.
        whole: Timeout of the whole file.
        most_bytes: Maximum size of a file; a bhavcopy has about 300,000 bytes.
    """

    rate: float = 2.0
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 120.0
    connect: float = 5.0
    read: float = 15.0
    whole: float = 90.0
    most_bytes: int = 50_000_000


DEFAULT_LIMITS = RequestLimits()


class TemporaryFailure(SourceUnavailable):
    """Report a temporary failure. `wait`: seconds that the server demands before a retry; None if it gave no time."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Unreachable(TemporaryFailure):
    """Report that no connection to the site was made, or that it broke: the next request will probably fail too."""


def retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header; None without a header, and for its rare form with a date."""
    return float(header) if header and header.strip().isdecimal() else None


def _go_on() -> None:
    """Never stop."""


class RequestPacer:
    """Limit the rate of requests to one source, and retry requests that failed temporarily.

    Waits take real time even if the home has a virtual clock, because the server is real.
    """

    def __init__(self, limits: RequestLimits, look: Look = _go_on) -> None:
        self.limits = limits
        self.look = look
        self._free_at = 0.0

    def wait_until_free(self) -> None:
        """Wait until the next request may be made."""
        self.pause(self._free_at - stopwatch())
        self._free_at = stopwatch() + 1 / self.limits.rate

    def pause(self, seconds: float) -> None:
        """Wait for some seconds, and call `look` during the wait. An exception of `look` ends the wait."""
        until, clock = stopwatch() + seconds, SystemClock()
        self.look()
        while (left := until - stopwatch()) > 0:
            clock.sleep(min(left, CHECK_INTERVAL))
            self.look()

    def retrying(self, attempts: int | None = None) -> Retrying:
        """Return a tenacity `Retrying`, which calls a function with its arguments and retries temporary failures.

        After the last attempt it raises the failure unchanged. `attempts`: how many; by default those of the limits."""
        from tenacity import Retrying, retry_if_exception, stop_after_attempt

        return Retrying(
            stop=stop_after_attempt(self.limits.attempts if attempts is None else attempts),
            wait=self._wait,
            retry=retry_if_exception(self._is_temporary),
            sleep=self.pause,
            reraise=True,
        )

    def _is_temporary(self, error: BaseException) -> bool:
        return isinstance(error, TemporaryFailure) and (error.wait or 0.0) <= self.limits.longest_wait

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, TemporaryFailure) else None
        return self.limits.first_wait * 2 ** (state.attempt_number - 1) if asked is None else asked
