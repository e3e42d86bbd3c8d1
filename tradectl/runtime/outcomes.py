"""The report of one command: its outcome and its exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

OUTCOMES = (
    "completed",
    "already_completed",
    "not_a_session",
    "disabled",
    "outside_window",
    "missed",
    "busy",
    "blocked",
    "failed",
)
_GRAVITY = (0, 3, 11, 12, 9, 8, 6, 5, 4, 2, 7, 10, 1)
"""Exit codes from harmless to grave. A signal (128 and more) is the gravest, since it ended the work."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one command.

    Attributes:
        outcome: One of `OUTCOMES`.
        message: One line for a person.
        missed: The names of slots that this command found missed.
        refused: How many orders the broker refused.
        unprotected: A line for each position without a live sell order.
        warnings: Lines that are shown with `-q` too and change no exit code.
        unprinted: The errors that no earlier pass of `run-due` has printed; None without `once_a_day` or an error.
    """

    task: str
    session: date | None
    slot: str
    outcome: str
    exit_code: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    message: str = ""
    missed: tuple[str, ...] = ()
    refused: int = 0
    unprotected: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unprinted: tuple[str, ...] | None = None


def gravity_of(exit_code: int) -> int:
    """Return the rank of an exit code: a higher rank is graver."""
    return _GRAVITY.index(exit_code) if exit_code in _GRAVITY else len(_GRAVITY)


def gravity(report: Report) -> int:
    """Return the rank of a report's exit code: a higher rank is graver."""
    return gravity_of(report.exit_code)


def gravest(reports: Iterable[Report]) -> Report | None:
    """Return the gravest report, the first of equal ones; None without a report. Its exit code is that of the process."""
    return max(reports, key=gravity, default=None)
