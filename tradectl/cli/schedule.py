"""Show and change when each task runs, for one user (`schedule`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.completion import tasks
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import CONFIGURE
from tradectl.model.moment import LAST_FILL, format_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradectl.ledger.schedules import ScheduleRow, Schedules

app = typer.Typer(
    name="schedule", rich_help_panel=CONFIGURE, cls=ListGroup, help="When each task runs: list, set, enable, disable."
)
COLUMNS = ("task", "times", "until", "every", "enabled")
Task = Annotated[str, typer.Argument(help="A task, such as buy.", metavar="TASK", autocompletion=tasks)]


@command(app, "list")
def listing(invocation: Invocation) -> Answer:
    """Show the timetable, in Indian time."""
    return _answer(invocation.world(read_only=True).ledger.schedules.list())


@command(app, "set")
def change(
    invocation: Invocation,
    task: Task,
    times: Annotated[str, typer.Option(help="Start times, one or several: '08:00 08:40'.", metavar="TIMES")] = "",
    until: Annotated[str, typer.Option(help="End of the last window; last-fill: the session's end.", metavar="TIME")] = "",
    every: Annotated[int | None, typer.Option(help="Seconds between the steps of a monitor.", min=1, metavar="SECONDS")] = None,
) -> Answer:
    """Change a task's times; options that are not given stay."""
    starts = times.replace(",", " ").split() or None
    return _changed(invocation, lambda schedules: schedules.set(task, starts, until or None, every))


@command(app)
def enable(invocation: Invocation, task: Task) -> Answer:
    """Enable a task."""
    return _changed(invocation, lambda schedules: schedules.enable(task))


@command(app)
def disable(invocation: Invocation, task: Task) -> Answer:
    """Disable a task; its command then reports disabled."""
    return _changed(invocation, lambda schedules: schedules.disable(task))


def _changed(invocation: Invocation, change: Callable[[Schedules], ScheduleRow]) -> Answer:
    """Change the timetable; an installed block of the crontab follows."""
    from tradectl.cli.crontab import follow

    schedules = invocation.world().ledger.schedules
    before = schedules.list()
    row = change(schedules)
    follow(invocation, before)
    return _answer((row,))


def row_values(row: ScheduleRow) -> dict[str, Any]:
    """Return a schedule row as JSON values."""
    times = [format_time(at) for at in row.times]
    until = LAST_FILL if row.until is None else format_time(row.until)
    return {"task": row.task, "times": times, "until": until, "every": row.every, "enabled": row.enabled}


def _answer(rows: tuple[ScheduleRow, ...]) -> Answer:
    found = [row_values(row) for row in rows]
    lines = [(item["task"], " ".join(item["times"]), item["until"], item["every"], item["enabled"]) for item in found]
    return Answer(found, lambda: output.table(COLUMNS, lines))
