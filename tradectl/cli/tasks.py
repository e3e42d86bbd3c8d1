"""Define the commands of the tasks: help and options follow from each task's declaration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import replace

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import DAY, parse_day, parse_time
from tradectl.cli.progress import bar
from tradectl.errors import UsageError
from tradectl.model.moment import LAST_FILL, at_ist, format_time, ist_date
from tradectl.runtime import agenda
from tradectl.runtime.outcomes import Report, gravity_of
from tradectl.runtime.registry import all_tasks

if TYPE_CHECKING:
    from tradectl.task import Schedule, Task
    from tradectl.world import World

app = typer.Typer()
SKIPS = frozenset({"not_a_session", "disabled", "outside_window", "busy"})
"""The outcomes of a task that had no reason to run."""
STRICT = 3
"""The exit code of these outcomes with `--strict`."""

Session = Annotated[str, typer.Option("--session", help="The session; default: today's.", metavar="YYYY-MM-DD")]
Slot = Annotated[
    str | None, typer.Option("--slot", help="The slot of the day, such as 10:30; default: the current one.", metavar="HH:MM")
]
Force = Annotated[bool, typer.Option("--force", help="Run again, or outside the window; each order is still sent once.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done; send and write nothing.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 3 if the task had no reason to run, or was busy.")]
Trigger = Annotated[str, typer.Option("--trigger", help="What starts the task: cron, daemon or manual.", hidden=True)]
Until = Annotated[str, typer.Option("--until", help="Do steps until this time; default: the end of the window.", metavar="HH:MM")]
Every = Annotated[int | None, typer.Option("--every", help="Seconds between two steps.", min=1, metavar="SECONDS")]
AllowStale = Annotated[bool, typer.Option("--allow-stale", help="Use the last stored bars if there are none of today.")]
Isolated = Annotated[
    bool, typer.Option("--isolated", help="Scan in a separate process, with the time limit of the setting scan_limit.")
]
Once = Annotated[bool, typer.Option("--once", help="One step only.")]


def timetable(schedule: Schedule) -> str:
    """Return a task's times as text, such as `08:00, 08:40 to 08:55`."""
    times = [format_time(at) for at in schedule.at]
    hourly = len(times) > 3
    starts = f"{times[0]} hourly" if hourly else ", ".join(times)
    end = "the close" if schedule.until is None else format_time(schedule.until)
    if schedule.first_until is not None:
        starts = f"{times[0]} to {format_time(schedule.first_until)}, {', '.join(times[1:])}"
    every = f", every {schedule.every} s" if schedule.every else ""
    return f"{starts} to {end}{every}"


def register(task: Task) -> None:
    """Register the command of a task."""
    short = f"{timetable(task.schedule)}  {task.summary}"
    text = f"{task.summary}\n\nRuns {timetable(task.schedule)}, Indian time"
    text += f", after {' and '.join(task.needs)}." if task.needs else "."

    def once(
        invocation: Invocation, session: Session = "", slot: Slot = None, force: Force = False, dry_run: DryRun = False,
        strict: Strict = False, trigger: Trigger = "manual",
    ) -> Answer:  # fmt: skip
        return run(invocation, task, session, slot, strict=strict, trigger=trigger, force=force, dry_run=dry_run)

    def monitor(
        invocation: Invocation, session: Session = "", slot: Slot = None, force: Force = False, dry_run: DryRun = False,
        strict: Strict = False, trigger: Trigger = "manual", until: Until = "", every: Every = None, one_step: Once = False,
    ) -> Answer:  # fmt: skip
        return run(
            invocation, task, session, slot, strict=strict, trigger=trigger, until=until,
            force=force, dry_run=dry_run, every=every, once=one_step,
        )  # fmt: skip

    def scan(
        invocation: Invocation, session: Session = "", slot: Slot = None, force: Force = False, dry_run: DryRun = False,
        strict: Strict = False, trigger: Trigger = "manual", allow_stale: AllowStale = False,
        isolated: Isolated = False,
    ) -> Answer:  # fmt: skip
        switched = {"allow_stale": allow_stale, "isolated": isolated}
        return run(
            invocation, task, session, slot, strict=strict, trigger=trigger, switched=switched, force=force, dry_run=dry_run
        )  # fmt: skip

    body = monitor if task.schedule.every else scan if "allow_stale" in task.switches else once
    body.__doc__ = text
    command(app, task.name, panel=DAY, short=short)(body)


def run(
    invocation: Invocation, task: Task, session: str, slot: str | None, *, strict: bool, trigger: str, until: str = "",
    switched: Mapping[str, bool] | None = None, **more: Any,
) -> Answer:  # fmt: skip
    """Run one task through the runner and return its answer; `switched` are settings turned on for this run."""
    from tradectl.bootstrap.recordings import recorded
    from tradectl.runtime.runner import Runner
    from tradectl.strategy.parameters import with_changes

    if trigger not in {"cron", "daemon", "manual"}:
        raise UsageError(f"a trigger is cron, daemon or manual, not {trigger!r}")
    world = invocation.world(past=True, make=trigger == "manual")
    if trigger == "manual":
        world = without_repeats(world, f"{task.name} ")
    turned_on = {name: "on" for name, on in (switched or {}).items() if on}
    world = replace(world, parameters=with_changes(world.parameters, turned_on))
    day = invocation.session = parse_day(session) or _today(world, task, force=more["force"])
    report = stored_report(world, task, day, slot, force=more["force"])
    if report is None:
        end = moment_until(until, day)
        if task.schedule.every and not more.get("once"):
            open_stream(world)
        settings = invocation.required_settings()
        with bar(task.name, quiet=invocation.quiet) as watch, recorded(world, settings, invocation.warn) as world:
            runner = Runner(world, all_tasks(), trigger=trigger, watch=watch)
            report = runner.run(task, session=day, slot=slot, until=end, **more)
    return answer(invocation, report, strict=strict)


def without_repeats(world: World, *titles: str) -> World:
    """Return a world that prints no message with such a begin of its title, because the answer of the command has its text.

    Notification services get every message."""
    from tradectl.notify.console import ConsoleNotifier

    shown = isinstance(world.notifier, ConsoleNotifier)
    return replace(world, notifier=ConsoleNotifier(apart_from=titles)) if shown else world


def _today(world: World, task: Task, *, force: bool) -> date:
    """Return today; on a day without a session the last run session, if a task that only fetches is forced."""
    today = ist_date(world.clock.now())
    return world.sessions.previous_run_session(today + timedelta(days=1)).date if task.real_time and force else today


def open_stream(world: World) -> None:
    """Open the live broker's price stream for a monitor of many steps. A single step requests quotes instead."""
    from tradectl.bootstrap import LiveWorld

    if isinstance(world, LiveWorld):
        world.broker.stream()


def moment_until(text: str, day: date) -> datetime | None:
    """Return the moment of a time such as `15:30` on a day; None for an empty text and `last-fill`: the window's end."""
    return None if text in {"", LAST_FILL} else at_ist(day, parse_time(text))


def stored_report(world: World, task: Task, day: date, slot: str | None, *, force: bool) -> Report | None:
    """Return the stored report of a completed run if the virtual clock is before the home's last event, else None.

    Raises UsageError for a run that is not completed, because time does not go back.
    """
    from tradectl.bootstrap import before_the_last_event

    last = world.ledger.info.get("last_event_at")
    now = world.clock.now()
    if not world.clock.virtual or last is None or now >= (ended := datetime.fromisoformat(last)):
        return None
    found = world.sessions.session(day)
    windows = agenda.task_windows(task, world.ledger.schedules.get(task.name), found) if found else ()
    window = agenda.current(windows, now) if slot is None else None
    row = world.ledger.executions.get(task.name, day, slot if slot is not None else window.slot if window else "")
    if force or row is None or row.status != "completed":
        raise UsageError(before_the_last_event(now, ended))
    text = f"{task.name} {row.slot}".strip() + f" of {day} has completed"
    return Report(task.name, day, row.slot, "already_completed", result=row.result, message=text)


def answer(invocation: Invocation, report: Report, *, strict: bool = False) -> Answer:
    """Return a runner's report as an answer. Print missed slots and warnings on stderr, also with `-q`."""
    if report.missed and not invocation.messages_on_screen:
        from tradectl.runtime.missed_slots import shortened

        line = f"missed: {shortened(report.missed)}"
        if line not in report.error:  # `run-due` has it as an error
            invocation.warn(line)
    for line in report.warnings:
        if not invocation.messages_on_screen:
            invocation.warn(line)
    code = max(STRICT if strict and report.outcome in SKIPS else 0, report.exit_code, key=gravity_of)
    name = f"{report.task} {report.slot}".strip()
    result = dict(report.result)
    told = report.outcome != "completed" or "dry_run" in result
    message = report.message if told else f"{name} of {report.session} {report.outcome}"
    message = "" if report.error else message
    if report.outcome != "completed":
        result["reason"] = report.error or report.message
    return Answer(
        result,
        lambda: text_of(message, result),
        outcome=report.outcome,
        exit_code=code,
        session=report.session,
        error=report.error or None,
    )


def text_of(message: str, result: Mapping[str, Any]) -> str:
    """Return the text of a task's result: one sentence.

    For `prices` a table of the kinds of data follows, and after a dry run a table of the commands that were not sent."""
    from tradectl.report.result_sentences import NOTHING, sentence

    what = "" if "kinds" in result else sentence({name: value for name, value in result.items() if name != "reason"})
    what = "" if what == NOTHING and not message else what  # beside an error it would say that all is well
    parts = [": ".join(part for part in (message, what) if part)]
    if "kinds" in result:
        kinds = [(kind, item["as_of"], item["new"], item["note"]) for kind, item in result["kinds"].items()]
        parts.append(output.table(("kind", "as of", ">new", "note"), kinds, empty="No kind of data is fetched here."))
    if "would_send" in result:
        columns = ("command", "side", "symbol", ">quantity", ">price", "purpose")
        rows = [
            (item["command"], item["side"], item["symbol"], item["quantity"], output.rupees(item["price"]), item["purpose"])
            for item in result["would_send"]
        ]
        parts.append(output.table(columns, rows, empty="No order would be sent."))
    return "\n".join(part for part in parts if part)


for _task in all_tasks():
    register(_task)
