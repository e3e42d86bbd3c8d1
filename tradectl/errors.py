"""Every error that tradectl raises on purpose, with its exit code and whether the same call may be tried again.

    TradectlError                1   a bug, or nothing more precise is known
    ├── UsageError               2   wrong arguments, unknown symbol or user, a time before the last event
    ├── ConfigurationError       4   wrong mode, damaged settings
    │   └── NotWhitelisted       4   the broker has not listed the IP address of this machine
    ├── LoginNeeded              5   no session at the broker
    ├── BrokerUnavailable        6   broker or network down; may be retried
    │   ├── RateLimited          6   a read was refused with 429, or our own limit keeps a request back
    │   ├── SourceUnavailable    6   a source of prices did not reply, or requires a wait
    │   └── Ambiguous            7   a command was sent and its outcome is unknown; never simply retried
    ├── OrderRefused            11   the broker read the order and rejected it: proof that it does not exist
    ├── DataError                8   market data missing, stale or damaged
    │   └── UncoveredDate        8   the session table does not reach this date
    ├── Blocked                  9   halted, or a needed task has not completed
    ├── DatabaseError           10   unreadable, read-only, full, or written by a newer version
    ├── Missed                  12   the window closed without a run
    ├── LookAhead               13   a decision of the past used later data
    └── Interrupted          128+N   a signal requested the end

The docstring of a class says when it is raised. The message of an instance is one line for a person, without a traceback.
"""

from __future__ import annotations


class TradectlError(Exception):
    """The root. `exit_code` is that of the process; `retryable`: the same call may be made again."""

    exit_code = 1
    retryable = False


class UsageError(TradectlError):
    """The arguments of the command cannot be carried out."""

    exit_code = 2


class ConfigurationError(TradectlError):
    """Settings, mode or account do not fit the command."""

    exit_code = 4


class NotWhitelisted(ConfigurationError):
    """The broker accepts orders from listed IP addresses only, and this machine has another. Nothing was carried out."""


class LoginNeeded(TradectlError):
    """There is no valid session at the broker."""

    exit_code = 5


class BrokerUnavailable(TradectlError):
    """A read failed or a command was provably not sent; it may be tried again."""

    exit_code = 6
    retryable = True


class RateLimited(BrokerUnavailable):
    """More requests than the broker allows: a read was refused with 429, or our own limit kept a request back.

    It may be tried again later; `wait` is the broker's number of seconds, if it gave one. A command that got 429 is Ambiguous.
    """

    def __init__(self, message: str, *, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class SourceUnavailable(BrokerUnavailable):
    """A source of prices did not reply, or requires a wait. Nothing was stored; it may be tried again."""


class Ambiguous(BrokerUnavailable):
    """A command was sent and its outcome is unknown: read the broker's order book before anything else."""

    exit_code = 7
    retryable = False


class OrderRefused(TradectlError):
    """The broker rejected an order. `passing`: the reason may pass by itself, such as missing funds."""

    exit_code = 11

    def __init__(self, reason: str, *, code: str = "refused", passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.passing = passing


class DataError(TradectlError):
    """Market data is missing, stale, or implausible."""

    exit_code = 8


class UncoveredDate(DataError):
    """The session table has no row for this date, and a session is never guessed."""


class Blocked(TradectlError):
    """Not allowed now: the account is halted, or a needed task has not completed."""

    exit_code = 9


class DatabaseError(TradectlError):
    """The ledger cannot be read or written."""

    exit_code = 10


class Missed(TradectlError):
    """The window of this slot closed without a run."""

    exit_code = 12


class LookAhead(TradectlError):
    """A backtest's decision changes when later bars are removed: its results are invalid."""

    exit_code = 13


class Interrupted(TradectlError):
    """A signal requested the end; the exit code is 128 + its number."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.exit_code = 128 + signal_number
