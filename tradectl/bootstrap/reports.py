"""Write the report and the picture of a session into the folder of reports."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import ConfigurationError
from tradectl.files import PRIVATE, replace_file

RECENT = 60
"""The number of sessions of the equity curve in the picture of a session."""

if TYPE_CHECKING:
    from tradectl.report_page.content import Content
    from tradectl.world import World


def write_session_report(folder: Path, world: World, session: date) -> str:
    """Write the page of a session; return its path. Raises ConfigurationError if the file cannot be written."""
    from tradectl.report_page.complete import ledger_report
    from tradectl.report_page.ledger_reading import Period
    from tradectl.report_page.page import render

    content = ledger_report(world, Period(session, session, f"{session:%A, %d %B %Y}"))
    file = folder / f"{report_name(content)}.html"
    write_report(file, render(content).encode())
    return str(file)


def draw_session(folder: Path, world: World, session: date) -> str:
    """Write the picture of a session, with the equity of the last `RECENT` sessions; return its path.

    Raises ConfigurationError if the file cannot be written, or without matplotlib.
    """
    from tradectl.report_page.ledger_reading import Period, content_of, days_of
    from tradectl.report_page.picture import draw

    content = content_of(world, Period(session, session, f"{session:%A, %d %B %Y}"))
    recent = days_of(world, Period(date.min, session, ""))[-RECENT:]
    file = folder / f"{report_name(content)}.png"
    write_report(file, draw(content, recent))
    return str(file)


def report_name(content: Content) -> str:
    """Return the name of a report's file without its ending: `me-2023-07-21` or `me-2023-01-01-to-2023-12-31`."""
    span = str(content.first) if content.one_session else f"{content.first}-to-{content.last}"
    return f"{_in_a_name(content.user)}-{span}"


def report_names(user: str) -> re.Pattern[str]:
    """Return the pattern that the whole name of each report of a user matches, with any ending (`report_name`)."""
    day = r"\d{4}-\d\d-\d\d"
    return re.compile(rf"{re.escape(_in_a_name(user))}-{day}(-to-{day})?\.[a-z]+", re.ASCII)


def _in_a_name(user: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", user)


def write_report(file: Path, content: bytes) -> int:
    """Write a report for its owner only, whole or not at all; return its size in bytes. Raises ConfigurationError."""
    try:
        replace_file(file, content, mode=PRIVATE, parents=True)
    except OSError as error:
        raise ConfigurationError(f"the report {file} cannot be written: {error.strerror}") from error
    return len(content)
