"""Define the errors that tradectl raises on purpose, with their exit codes, and whether the same call may be tried again.

    TradectlError                1   a bug, or nothing more precise is known
    ├── UsageError               2   wrong arguments, unknown symbol or user, a time before the last event
    ├── ConfigurationError       4   wrong mode, damaged settings
    │   └── NotWhitelisted       4   the broker has not listed the IP address of this machine
    ├── LoginNeeded              5   no session at the broker
    ├── BrokerUnavailable        6   broker or network down; may be retried
    │   ├── RateLimited          6   a read was refused with 429, or our own limit keeps a request back
    │   ├── SourceUnavailable    6   a source of prices did not reply, or requires a wait
    │   └── Ambiguous            7   a command was sent and its outcome is unknown; never simply retried
    ├── OrderRefused            11   the broker rejected the command: it was not carried out
    ├── DataError                8   market data missing, stale or damaged
    │   └── UncoveredDate        8   the session table does not reach this date
    ├── Blocked                  9   the account is halted, or a needed task or check has not completed
    ├── DatabaseError           10   unreadable, read-only, full, or written by a newer version
    ├── Missed                  12   the window closed without a run
    ├── LookAhead               13   a decision of a backtest used later data
    ├── CheckFailed             14   a strategy failed its check
    └── Interrupted          128+N   signal N stopped the program

The docstring of a class states when it is raised. The message of an error is one line for a person, without a traceback.
"""

from __future__ import annotations


class TradectlError(Exception):
    """Base class of all errors. `exit_code` is that of the process; `retryable`: the same call may be tried again."""

    exit_code = 1
    retryable = False


class UsageError(TradectlError):
    """The arguments are wrong or unknown, so the command is not carried out."""

    exit_code = 2


class ConfigurationError(TradectlError):
    """The settings, the mode or the account do not allow the command."""

    exit_code = 4


class NotWhitelisted(ConfigurationError):
    """The broker accepts orders only from listed IP addresses, and this machine's is not listed. Nothing was carried out."""


class LoginNeeded(TradectlError):
    """There is no valid session at the broker."""

    exit_code = 5


class BrokerUnavailable(TradectlError):
    """A read failed or a command was provably not sent; it may be tried again."""

    exit_code = 6
    retryable = True


class RateLimited(BrokerUnavailable):
    """A read was rejected with status 429, or our own limit held a request back. It may be tried again later.

    A command that got 429 raises Ambiguous instead.
    """

    def __init__(self, message: str, *, wait: float = 0.0) -> None:
        """Set the broker's number of seconds to wait; 0 if it stated none."""
        super().__init__(message)
        self.wait = wait


class SourceUnavailable(BrokerUnavailable):
    """A source of prices did not reply, or requires a wait. Nothing was stored; it may be tried again."""


class Ambiguous(BrokerUnavailable):
    """A command was sent and its outcome is unknown: read the broker's order book before anything else."""

    exit_code = 7
    retryable = False


class OrderRefused(TradectlError):
    """The broker rejected an order, a change or a cancel. `passing`: the reason may pass by itself, such as missing funds."""

    exit_code = 11

    def __init__(self, reason: str, *, code: str = "refused", passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.passing = passing


class DataError(TradectlError):
    """Market data are missing, stale or implausible."""

    exit_code = 8


class UncoveredDate(DataError):
    """The session table does not reach this date. The program never guesses whether a date is a session."""


class Blocked(TradectlError):
    """Not allowed now: the account is halted, a needed task has not completed, or a strategy has not passed its check."""

    exit_code = 9


class DatabaseError(TradectlError):
    """The ledger cannot be read or written."""

    exit_code = 10


class Missed(TradectlError):
    """The window of this slot closed without a run."""

    exit_code = 12


class LookAhead(TradectlError):
    """A decision of the backtest changes if later bars are removed, so the results are invalid."""

    exit_code = 13


class CheckFailed(TradectlError):
    """A strategy failed its check for another reason than later bars, so it cannot be used."""

    exit_code = 14


class Interrupted(TradectlError):
    """A signal stopped the program. The exit code is 128 plus the number of the signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.exit_code = 128 + signal_number
