"""The report of one command: its outcome and its exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from msgspec import Struct

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
RUN_DUE = "run-due"
"""The name in a report that concerns no single task."""
_GRAVITY = (0, 3, 11, 12, 9, 8, 6, 5, 4, 2, 7, 10, 1)
"""Exit codes from harmless to grave. A signal (128 and more) is the gravest, since it ended the work."""


class Report(Struct, frozen=True):
    """The result of one command.

    Attributes:
        outcome: One of `OUTCOMES`.
        message: One line for a person.
        missed: The names of slots that this command found missed.
        refused: How many orders the broker refused.
        unprotected: A line for each position without a live sell order.
        warnings: Lines that are shown with `-q` too and change no exit code.
        unprinted: A line for each error of a pass of `run-due`, the gravest first; with `once_a_day` those that no earlier pass
            has printed. None without an error.
        caused_by: The task whose failure blocked this one. That failure has been reported, so this report repeats it.
    """

    task: str
    session: date | None
    slot: str
    outcome: str
    exit_code: int = 0
    result: Mapping[str, Any] = {}
    error: str = ""
    message: str = ""
    missed: tuple[str, ...] = ()
    refused: int = 0
    unprotected: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unprinted: tuple[str, ...] | None = None
    caused_by: str = ""

    @property
    def error_line(self) -> str:
        """Return the error with the name of its task."""
        name = f"{self.task} {self.slot}".strip()
        return self.error if self.task == RUN_DUE else f"{name}: {self.error}"


def gravity_of(exit_code: int) -> int:
    """Return the rank of an exit code: a higher rank is graver."""
    return _GRAVITY.index(exit_code) if exit_code in _GRAVITY else len(_GRAVITY)


def gravity(report: Report) -> int:
    """Return the rank of a report's exit code: a higher rank is graver."""
    return gravity_of(report.exit_code)


def gravest(reports: Iterable[Report]) -> Report | None:
    """Return the gravest report, the first of equal ones; None without a report. Its exit code is that of the process."""
    return max(reports, key=gravity, default=None)
