"""Print the day as lines for cron (`crontab`)."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import CONFIGURE
from tradectl.clock import SystemClock
from tradectl.errors import DatabaseError
from tradectl.model.moment import ist_date
from tradectl.settings import environment_zone

if TYPE_CHECKING:
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.settings import Settings

app = typer.Typer()
PROGRAM = "tradectl"
SQLITE = "sqlite:///"


@command(app, panel=CONFIGURE)
def crontab(
    invocation: Invocation,
    zone: Annotated[str, typer.Option(help="The time zone of cron's machine; default: this machine's.", metavar="ZONE")] = "",
) -> Answer:
    """Print a crontab of the user's schedule; its lines name program, home and user, because cron's environment is empty.

    Times are in the machine's zone. For a zone with summer time it prints one line, which runs `run-due` each minute."""
    from tradectl import bootstrap
    from tradectl.report import crontab as report
    from tradectl.report.machine_zone import machine_zone

    settings = invocation.required_settings()
    today = ist_date(settings.at or SystemClock().now())
    found = report.find_zone(zone) if zone else machine_zone(environment_zone(), today)
    database, notes = _database(settings)
    user = settings.user or bootstrap.only_user(settings)
    words = ["--home", str(settings.home), *(("--user", user) if user else ()), *database]
    program = report.command([*_program(), *words])
    schedule, unread = _schedule(settings, user)
    notes += unread
    text = report.crontab(schedule, found, today, program, notes=notes)
    for note in notes:
        invocation.note(note)
    if found.zone is None:
        invocation.note(f"the zone of this machine's cron is not certain: {found.name}; --zone names it")
    if not bootstrap.exists(settings):
        init = shlex.join([PROGRAM, "init", *words])
        invocation.note(f"there is no home in {settings.home} yet, and cron lines create none: run `{init}`")
    return Answer(text, text.rstrip("\n"))


def _schedule(settings: Settings, user: str | None) -> tuple[list[ScheduleRow], list[str]]:
    """Return the user's schedule in the order of the day, and notes; the tasks' own times if there is no home."""
    from tradectl import bootstrap
    from tradectl.ledger.schedules import declared
    from tradectl.runtime.registry import all_tasks

    rows: dict[str, ScheduleRow] = {}
    notes: list[str] = []
    if user:
        try:
            rows = bootstrap.schedule_of(settings, user)
        except DatabaseError:
            notes.append(
                "The ledger cannot be read, so these are the tasks' own times; changes by `tradectl schedule` are missing."
            )
    return [rows.get(task.name) or declared(user or "", task) for task in all_tasks()], notes


def _program() -> list[str]:
    """Return the path of this program: the console script, else the interpreter with the package."""
    called = Path(os.path.abspath(sys.argv[0]))
    beside = Path(sys.executable).with_name(PROGRAM)
    for script in (called, beside):
        if script.name == PROGRAM and script.is_file() and os.access(script, os.X_OK):
            return [str(script)]
    package = Path(__file__).resolve().parents[2]
    return ["env", f"PYTHONPATH={package}", sys.executable, "-m", PROGRAM]


def _database(settings: Settings) -> tuple[list[str], list[str]]:
    """Return the option for a database that the home does not name, and notes. A password is left out."""
    if not settings.database_named:
        return [], []
    if settings.database.startswith(SQLITE):
        return ["--db", os.path.abspath(settings.database.removeprefix(SQLITE))], []
    from tradectl.ledger.opening import without_password

    url = without_password(settings.database)
    if url == settings.database:
        return ["--db", url], []
    note = (
        f"The password of {url} is not written here. Write the whole URL as `database` into {settings.home}/tradectl.toml "
        "(chmod 600) and leave --db and TRADECTL_DB out, or keep it in ~/.pgpass; else every line exits with 10."
    )
    return ["--db", url], [note]
