"""Install and show the lines with which cron starts the day (`crontab`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import asdict

from tradectl.cli.command import command
from tradectl.cli.group import ShowGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import CONFIGURE
from tradectl.clock import SystemClock
from tradectl.errors import ConfigurationError, DatabaseError, UsageError
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.host.crontab_install import PlannedBlock
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.settings import Settings

app = typer.Typer(
    name="crontab", rich_help_panel=CONFIGURE, cls=ShowGroup, help="The lines for cron: install, show, remove, check."
)
Zone = Annotated[str, typer.Option("--zone", help="The time zone of cron's machine; default: this machine's.", metavar="ZONE")]


@command(app)
def show(invocation: Invocation, zone: Zone = "") -> Answer:
    """Print the lines for this home and user, and install nothing.

    Each line names program, home and user, because cron's environment is empty. Times are in the machine's zone. A zone with
    summer time gets one line, which runs each minute what is due."""
    settings = invocation.required_settings()
    plan = _plan(invocation, zone, readable=False)
    text = plan.text()
    for note in plan.notes:
        invocation.note(note)
    found = plan.machine(zone)
    if found.zone is None:
        invocation.note(f"the zone of this machine's cron is not certain: {found.name}; --zone names it")
    if settings.missing_home:
        invocation.note(f"{settings.missing_home}, and cron lines create none: run `tradectl init {plan.name}`")
    return Answer(text, text.rstrip("\n"))


@command(app)
def install(invocation: Invocation, zone: Zone = "") -> Answer:
    """Write the lines into your crontab as a marked block; every other line stays as it is.

    The block is replaced where there is one. `schedule set`, `enable` and `disable` then rewrite it."""
    from tradectl.host.crontab_block import find_block
    from tradectl.host.crontab_install import require_home

    settings = invocation.required_settings()
    if settings.at is not None:
        raise UsageError("cron starts tasks by the machine's clock: leave --at out")
    require_home(settings)
    invocation.world(read_only=True)
    plan = _plan(invocation, zone)
    changed, found = plan.install()
    for note in plan.notes:
        invocation.note(note)
    if found.moved:
        invocation.warn(f"{found.moved} lines that tradectl did not write stood inside the block; they now stand above it")
    check = plan.check(_content())
    for line in check.outside:
        invocation.warn(f"outside of the block, this line starts the same tasks; remove it by `crontab -e`: {line}")
    if check.affecting:
        invocation.warn(f"lines above the block set {', '.join(check.affecting)}: remove them by `crontab -e`")
    lines = len(find_block(_content(), plan.name).jobs)
    done = f"your crontab starts the day of {invocation.user} in {settings.home} by {lines} lines"
    return Answer({"changed": changed, "lines": lines}, done if changed else f"{done}, as before")


@command(app)
def remove(invocation: Invocation) -> Answer:
    """Remove the block of this home and user from your crontab; every other line stays as it is."""
    from tradectl.host.crontab_install import remove_block

    settings = invocation.required_settings()
    user = _user(settings)
    changed = remove_block(settings, user)
    removed = f"removed: cron no longer starts the tasks of {user} in {settings.home}"
    nothing = "your crontab has no block of this home and user"
    return Answer({"changed": changed}, removed if changed else nothing)


@command(app)
def check(invocation: Invocation) -> Answer:
    """Compare the installed block with the timetable. Exit 4 if there is none, or if it differs."""
    plan = _plan(invocation, "")
    found = plan.check(_content())
    result = {**asdict(found), "current": found.installed and not found.drifted}
    lines = [f"missing  {line}" for line in found.missing] + [f"extra    {line}" for line in found.extra]
    lines += [f"outside  {line}" for line in found.outside]
    if not found.installed:
        return _differs(result, lines, "your crontab has no block of this home and user: cron starts nothing for it")
    if found.drifted:
        return _differs(result, lines, f"the block in your crontab differs from the timetable: {found.cause}")
    return Answer(result, "\n".join(["the block in your crontab is current", *lines]))


def follow(invocation: Invocation, before: tuple[ScheduleRow, ...]) -> None:
    """Rewrite an installed block after a change of the timetable, and report what happened on stderr."""
    if invocation.world().clock.virtual:
        return
    try:
        said = _plan(invocation, "").follow(before)
    except ConfigurationError as error:
        said = f"the timetable has changed, and the crontab has not: {error}"
    if said:
        invocation.note(said)


def _differs(result: object, lines: list[str], cause: str) -> Answer:
    error = f"{cause}. `tradectl crontab install` writes it"
    return Answer(result, "\n".join(lines), outcome="failed", exit_code=ConfigurationError.exit_code, error=error)


def _content() -> bytes:
    from tradectl.host.crontab_program import read_crontab

    return read_crontab()


def _user(settings: Settings) -> str | None:
    from tradectl import bootstrap

    return settings.user or bootstrap.only_user(settings)


def _plan(invocation: Invocation, zone: str, *, readable: bool = True) -> PlannedBlock:
    """Return the block as it should be. `readable`: raise the DatabaseError of a ledger that cannot be read."""
    from tradectl.host.crontab_install import planned

    settings = invocation.required_settings()
    user = _user(settings)
    today = ist_date(settings.at or SystemClock().now())
    schedule, notes = _schedule(settings, user, readable=readable)
    return planned(settings, user, schedule, today, zone=zone, notes=notes)


def _schedule(settings: Settings, user: str | None, *, readable: bool) -> tuple[list[ScheduleRow], list[str]]:
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
            if readable:
                raise
            notes.append(
                "The ledger cannot be read, so these are the tasks' own times; changes by `tradectl schedule` are missing."
            )
    return [rows.get(task.name) or declared(user or "", task) for task in all_tasks()], notes
