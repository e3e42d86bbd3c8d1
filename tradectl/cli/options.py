"""Options that several commands share, and the parsing of their values."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated

import typer

from tradectl.cli.completion import symbols, tasks
from tradectl.errors import UsageError

DAY, OPERATE, LOOK, CONFIGURE, RESEARCH = "The day, in Indian time", "Operate", "Look", "Configure", "Research"
"""The panels of the help, in their order."""

Session = Annotated[str, typer.Option("--session", help="Only this session.", metavar="YYYY-MM-DD")]
Limit = Annotated[int, typer.Option("--limit", help="Maximum number of rows.", min=1)]
Symbol = Annotated[str, typer.Option("--symbol", help="Only this symbol.", metavar="SYMBOL", autocompletion=symbols)]
From = Annotated[str, typer.Option("--from", help="From this day on.", metavar="YYYY-MM-DD")]
To = Annotated[str, typer.Option("--to", help="Up to this day.", metavar="YYYY-MM-DD")]
TaskName = Annotated[str, typer.Option("--task", help="Only this task.", metavar="TASK", autocompletion=tasks)]


def parse_day(text: str) -> date | None:
    """Return a text such as `2023-07-21` as a date; None for an empty text. Raises UsageError for any other text."""
    if not text:
        return None
    try:
        if len(text) != 10:
            raise ValueError("a date has ten characters")
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a date: write YYYY-MM-DD") from error


def parse_time(text: str) -> time:
    """Return a text such as `09:05` or `09:07:30` as a time of day. Raises UsageError for any other text."""
    try:
        if len(text) not in {5, 8}:
            raise ValueError("HH:MM or HH:MM:SS")
        return time.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time of day: write HH:MM or HH:MM:SS, Indian time") from error
