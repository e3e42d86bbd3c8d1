"""Find the slots that are due now, for the daemon and for `run-due`, which runs each of them once under cron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import asdict

from tradectl.errors import DatabaseError, Missed, TradectlError
from tradectl.ledger.executions import SKEW, Execution, standing
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.store import Ledger
from tradectl.model.moment import ist_date
from tradectl.runtime import agenda
from tradectl.runtime.admission import reopens
from tradectl.runtime.agenda import Window
from tradectl.runtime.closed_day_pings import ping_closed_day
from tradectl.runtime.execution_ends import REFUSED
from tradectl.runtime.exposure import MONITOR, announce_unprotected
from tradectl.runtime.first_day import waits_for_data
from tradectl.runtime.halting import follow_marker, resumed_at
from tradectl.runtime.interrupt import stop_on_signals
from tradectl.runtime.missed_slots import shortened
from tradectl.runtime.outcomes import RUN_DUE, Report, gravest
from tradectl.runtime.repeated_errors import errors_of, new_errors
from tradectl.runtime.runner import Runner

LONGEST_REST = timedelta(minutes=30)
"""How long a failed execution waits at most until its next attempt."""


def rests_until(row: Execution, window: Window, now: datetime) -> datetime | None:
    """Return when a failed execution may run again by itself: a monitor at its next step, others after 1, 2, 4 … 30 minutes.

    None where it need not wait. A failure with a future time, from a clock that was ahead, delays nothing.
    """
    if row.status != "failed" or row.finished_at is None or row.finished_at > now + SKEW:
        return None
    if window.every is not None:
        return row.finished_at + timedelta(seconds=min(window.every, 60) / 2)
    return row.finished_at + min(timedelta(minutes=2 ** min(row.attempt - 1, 5)), LONGEST_REST)


def due_now(runner: Runner) -> tuple[Window, ...]:
    """Return the open windows that should run: not completed, not held, not resting after a failure, and not waiting for a
    running task; of a new home without market data only those that fetch them. Raises UncoveredDate outside the session table."""
    world = runner.world
    now = world.clock.now()
    session = world.sessions.session(ist_date(now))
    if session is None or not session.runs:
        return ()
    done = world.ledger.executions.on(session.date)
    windows = agenda.windows(runner.tasks, runner.rows(), session)
    found = agenda.due(windows, now)
    fetching = {task.name for task in runner.tasks if task.real_time and task.runs_on(world.clock)}
    if waits_for_data(world, (window for window in windows if window.task in fetching), done, now):
        found = tuple(window for window in found if window.task in fetching)
    return tuple(window for window in found if _should_run(runner, window, done, now))


def run_due(runner: Runner, *, once_a_day: bool = False) -> Report:
    """Run each due slot once; a monitor does one step.

    Args:
        once_a_day: Leave out of `Report.unprinted` the errors that an earlier pass has printed (`repeated_errors`).

    Returns:
        The gravest report; all are in `result["reports"]`.
    """
    world = runner.world
    owner = current_identity()
    reports: list[Report] = []
    world.ledger.service.beat("run-due", owner, world.clock.machine_now())
    follow_marker(world)
    with stop_on_signals(runner.stop) as stop:
        try:
            runner.watch_clock()
            reports += _missed(runner)
            windows = due_now(runner)
        except TradectlError as error:
            windows = ()
            reports.append(Report(RUN_DUE, None, "", "failed", error.exit_code, error=str(error), message=str(error)))
        tasks = {task.name: task for task in runner.tasks}
        busy: set[str] = set()
        for window in windows:
            if busy.intersection(tasks[window.task].needs):
                continue  # another process runs a task that this one needs: a later pass runs this one
            report = runner.run(tasks[window.task], slot=window.slot, once=True, more_follows=True)
            reports.append(report)
            if report.outcome == "busy":
                busy.add(window.task)
            if stop.signal_number or report.exit_code > 128:
                break
    reports += _unprotected(runner, reports)
    runner.delivery.send()
    ping_closed_day(runner)
    runner.delivery.finish_pings()
    text = ", ".join(f"{f'{item.task} {item.slot}'.strip()} {item.outcome}" for item in reports) or "nothing is due"
    world.ledger.service.beat("run-due", owner, world.clock.machine_now(), text)
    worst = gravest(reports)
    result = {"reports": [_shown(report) for report in reports]}
    failed = errors_of(reports)
    lines = new_errors(world, failed) if once_a_day else tuple(dict.fromkeys(report.error_line for report in failed))
    day = ist_date(world.clock.now())
    warnings = (*(line for report in reports for line in report.warnings), *runner.take_warnings())
    if worst is None or worst.exit_code == 0:
        return Report(RUN_DUE, day, "", "completed", result=result, message=text, warnings=warnings)
    return Report(
        task=RUN_DUE,
        session=day,
        slot="",
        outcome=worst.outcome,
        exit_code=worst.exit_code,
        result=result,
        error="; ".join(dict.fromkeys(report.error for report in failed)) or worst.error,
        message=text,
        missed=worst.missed,
        warnings=warnings,
        unprinted=lines,
    )


def _should_run(runner: Runner, window: Window, done: Mapping[tuple[str, str], Execution], now: datetime) -> bool:
    """Return whether an open window should run now. `done`: the day's executions by task and slot."""
    executions = runner.world.ledger.executions
    machine_now = runner.world.clock.machine_now()
    row = done.get((window.task, window.slot))
    task = next(task for task in runner.tasks if task.name == window.task)
    if row is not None and not reopens(runner.world, task, row, now):
        rest = rests_until(row, window, now)
        if standing(row, machine_now, executions.lease) in {"held", "done"}:
            return False
        if rest is not None and now < rest and not _resumed_since(runner.world.ledger, row.finished_at):
            return False
    waits = [other for (name, _), other in done.items() if name in task.needs and other.status == "running"]
    return not any(standing(other, machine_now, executions.lease) == "held" for other in waits)


def _resumed_since(ledger: Ledger, moment: datetime | None) -> bool:
    """Return whether the account was resumed after a moment: a task that a halt may have stopped then runs at once."""
    resumed = resumed_at(ledger)
    return resumed is not None and moment is not None and resumed >= moment


def _missed(runner: Runner) -> list[Report]:
    """Return one report of the newly missed slots, with exit code 12. Each missed slot is reported once."""
    missed = runner.missed_slots.record(runner.rows())
    if not missed:
        return []
    text = f"missed: {shortened(missed)}"
    day = ist_date(runner.world.clock.now())
    return [Report(RUN_DUE, day, "", "missed", Missed.exit_code, error=text, message=text, missed=missed)]


def _unprotected(runner: Runner, reports: Sequence[Report]) -> list[Report]:
    """Return a report of the positions that no live sell covers after this pass, unless the sell monitor has completed in it.

    The monitor may be disabled, failed, or held by a process that does nothing.
    """
    if any(report.task == MONITOR and report.outcome == "completed" for report in reports):
        return []
    try:
        lines = [item.text for item in announce_unprotected(runner.world)]
    except DatabaseError:
        return []  # another report of this pass has the error
    except TradectlError as error:
        text = f"positions without a live sell cannot be listed: {error}"
        return [Report(RUN_DUE, ist_date(runner.world.clock.now()), "", "failed", error.exit_code, error=text, message=text)]
    text, day = "; ".join(lines), ist_date(runner.world.clock.now())
    return [Report(RUN_DUE, day, "", "completed", REFUSED, error=text, message=text)] if lines else []


def _shown(report: Report) -> dict[str, Any]:
    lists = {name: list(getattr(report, name)) for name in ("missed", "unprotected", "warnings")}
    shown = asdict(report)
    del shown["unprinted"], shown["caused_by"]
    return shown | {"session": report.session.isoformat() if report.session else None} | lists
