"""Report to the dead-man's switch that the slots of a closed day need no run, so a holiday looks like a day that went well.

Cron lines run each task's command on every day, and its ping reports that there is no session. `run-due` and the daemon start
nothing on a holiday, so they send the pings of the day's slots themselves: each once it is due, and that of a monitor at each of
its steps.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError, UncoveredDate
from tradectl.model.moment import at_ist, ist_date

if TYPE_CHECKING:
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.runtime.runner import Runner
    from tradectl.world import World

CLOSE = time(15, 30)
"""The end of an ordinary day for a monitor whose window ends with the last fill."""


def ping_closed_day(runner: Runner) -> None:
    """Send a ping of success for each slot of a closed day that is due since the last call. No task runs.

    A day of which no list of holidays shows that it is closed gets no ping."""
    world = runner.world
    if world.pings is None or not (why := _why_closed(world, ist_date(world.clock.now()))):
        return
    now, key = world.clock.now(), f"closed_pings.{world.user}"[:64]
    with suppress(DatabaseError):  # without a ledger the check reports the day as missing, and rightly
        begin = at_ist(ist_date(now), time(0))
        said = world.ledger.info.get(key)
        since = max(begin, min(datetime.fromisoformat(said), now)) if said else begin
        names = {task.name for task in runner.tasks if task.runs_on(world.clock)}
        rows = [row for row in world.ledger.schedules.list() if row.enabled and row.task in names]
        due = sorted((mark, row.task, f"{at:%H:%M}") for row in rows for at in row.times if since < (mark := _mark(row, at, now)))
        if not due:
            return
        world.ledger.info.set(key, now.isoformat())
        for _, task, slot in due:
            world.pings.end(task, 0, f"{task} {slot}: not_a_session, the exchange is closed ({why}), exit code 0")
        runner.delivery.finish_pings()


def _mark(row: ScheduleRow, at: time, now: datetime) -> datetime:
    """Return the last moment up to now at which a slot of today would have begun a run; the start of the day if there is none.

    `run-due` begins a run of a monitor at each of its steps."""
    day = ist_date(now)
    begins = at_ist(day, at)
    if now < begins:
        return at_ist(day, time(0))
    if row.every is None:
        return begins
    ends = max(begins, min(now, at_ist(day, row.until or CLOSE)))
    return begins + (ends - begins) // (step := timedelta(seconds=row.every)) * step


def _why_closed(world: World, today: date) -> str:
    """Return why the exchange is closed on a day, or that tasks do not run in its session; empty on a run session or an unknown
    day."""
    try:
        session = world.sessions.session(today)
    except UncoveredDate:
        return ""
    if session is not None:
        return "" if session.runs else f"{session.name or session.kind} session"
    return world.sessions.why_closed(today) if today <= world.sessions.listed_through else ""
