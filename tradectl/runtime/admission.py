"""Decide whether a task may run now. Each refusal is a report with its own outcome. The claim checks again."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.errors import Blocked, Missed, UsageError
from tradectl.exchange.sessions import FILL_YEAR
from tradectl.ledger.executions import SKEW, Execution, is_premature, standing
from tradectl.model.moment import to_ist
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.runtime.agenda import Window, current, task_windows
from tradectl.runtime.outcomes import Report

if TYPE_CHECKING:
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.task import Task
    from tradectl.world import World


class JobRequest(Struct, frozen=True):
    """A request to run a task, with its window. `until`: end the loop of a continuous task at this moment."""

    task: Task
    session: date
    window: Window
    force: bool = False
    dry_run: bool = False
    once: bool = False
    until: datetime | None = None

    @property
    def loops(self) -> bool:
        """Return whether the request is for the steps of a monitor until its window closes."""
        return self.window.every is not None and not self.once

    def report(self, outcome: str, message: str, exit_code: int = 0, **more: Any) -> Report:
        """Return a report about this request."""
        return Report(self.task.name, self.session, self.window.slot, outcome, exit_code, message=message, **more)


def find_window(world: World, task: Task, row: ScheduleRow, day: date, slot: str | None) -> Window | Report:
    """Return the window of a slot, or a report of why there is none on this day. Raises UsageError for an unknown slot."""
    if not row.enabled:
        text = f"{task.name} is disabled: `tradectl schedule enable {task.name}` enables it"
        return Report(task.name, day, slot or "", "disabled", message=text)
    session = world.sessions.session(day)
    if session is None or not session.runs:
        why = world.sessions.why_closed(day) if session is None else f"{session.name or session.kind} is not traded by tradectl"
        return Report(task.name, day, slot or "", "not_a_session", message=f"{day} is not a run session: {why}")
    found = task_windows(task, row, session)
    if slot is None:
        window = current(found, world.clock.now())
    else:
        window = next((item for item in found if item.slot == slot), None)
        if window is None:
            slots = ", ".join(item.slot or '""' for item in found)
            raise UsageError(f"{task.name} has no slot {slot!r} on {day}; its slots are {slots or 'none'}")
    if window is None:
        return Report(task.name, day, "", "outside_window", message=f"{task.name} has no window on {day}")
    return window


def with_options(window: Window, every: int | None, until: datetime | None, now: datetime) -> Window:
    """Return the window with the interval of `--every` (seconds). Raises UsageError where an option does not fit."""
    if window.every is None and (every is not None or until is not None):
        raise UsageError(f"{window.task} ends after one step; --until and --every are for monitors")
    if every is not None and every < 1:
        raise UsageError("--every must be at least one second")
    if until is not None and until < now:
        raise UsageError(f"--until {to_ist(until):%H:%M} has passed")
    return window if every is None else replace(window, every=every)


def admit(world: World, request: JobRequest) -> Report | None:
    """Return None if the task may run, else the report. The order of checks: too early, completed, held, missed, blocked."""
    window, executions = request.window, world.ledger.executions
    now, name = world.clock.now(), f"{request.window.name} of {request.session}"
    if now < window.opens and not request.force:
        return request.report("outside_window", f"{name} opens at {to_ist(window.opens):%H:%M:%S}")
    row = executions.get(request.task.name, request.session, window.slot)
    if row is not None and reopens(world, request.task, row, now):
        row = replace(row, status="failed")
    if row is not None and not request.dry_run:
        if row.status == "completed" and not request.force:
            return request.report("already_completed", f"{name} has completed", result=row.result)
        if standing(row, world.clock.machine_now(), executions.lease, force=request.force) == "held":
            return request.report("busy", f"{name} is being run by {row.owner}")
    if not request.force and (now >= window.over or (row is not None and row.status == "missed")):
        return missed_report(request)
    refusal = _no_buys(world, request) or missing_need(world, request.task, request.session)
    if refusal is None:
        return None
    cause = failed_need(world, request.task, request.session) if refusal.code is RefusalCode.TASK_NEEDED else ""
    return request.report("blocked", str(refusal), Blocked.exit_code, error=str(refusal), caused_by=cause)


def _no_buys(world: World, request: JobRequest) -> Refusal | None:
    """Return why a task that prepares buys does not run on a provisional session; None if it may run."""
    session = world.sessions.session(request.session)
    if session is None or not session.provisional or not request.task.buys:
        return None
    text = f"{request.session} is a provisional session, {session.name}: nothing is bought. {FILL_YEAR}"
    return Refusal(RefusalCode.PROVISIONAL_SESSION, text)


def reopens(world: World, task: Task, row: Execution, now: datetime) -> bool:
    """Return whether a closed execution may run again in its window: the machine's clock was ahead when it was closed."""
    return not world.clock.virtual and is_premature(row, now, repeatable=task.repeatable)


def missed_report(request: JobRequest) -> Report:
    """Return the report that the window is over without a completed run."""
    closed = f"the window of {request.window.name} of {request.session} closed at {to_ist(request.window.closes):%H:%M:%S}"
    text = f"{closed} without a completed run; --force runs it now"
    return request.report("missed", text, Missed.exit_code, error=text)


def missing_need(world: World, task: Task, session: date) -> Refusal | None:
    """Return which needed task has not completed; None if all have."""
    ledger = world.ledger
    by = None if world.clock.virtual else world.clock.now() + SKEW
    for need in task.needs:
        owner = ledger.signals_owner(world.parameters.signals_from) if need == "analyze" else world.user
        if not ledger.executions.completed(need, session, user=owner, by=by):
            whose = "" if owner == world.user else f" of {owner}"
            text = f"{task.name} needs {need}{whose}, which has not completed for {session}"
            return Refusal(RefusalCode.TASK_NEEDED, text)
    return None


def failed_need(world: World, task: Task, session: date) -> str:
    """Return the needed task of this user that ran and failed: a message of its own reported that. Empty if there is none."""
    rows = ((need, world.ledger.executions.get(need, session, "")) for need in task.needs)
    return next((need for need, row in rows if row is not None and row.status == "failed"), "")
