"""What the runner answers: one word and one exit code for everything that can become of a command."""

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
"""Exit codes from harmless to grave; a signal is graver than all, since it ended the work."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one command. `missed` names the slots that were found missed on the way; `message` is one line. `refused`
    counts the orders that were refused, `unprotected` has a line for each position without a live sell order.
    `warnings` are lines that are shown with `-q` too, and change no exit code."""

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


def gravity_of(exit_code: int) -> int:
    """How grave an exit code is, for comparing; a signal is the gravest."""
    return _GRAVITY.index(exit_code) if exit_code in _GRAVITY else len(_GRAVITY)


def gravity(report: Report) -> int:
    return gravity_of(report.exit_code)


def gravest(reports: Iterable[Report]) -> Report | None:
    """The report that the process answers with; the first of equals."""
    return max(reports, key=gravity, default=None)
