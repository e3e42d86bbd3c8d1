"""Record missed slots, whose window closed without a run; close abandoned executions, whose process ended without finishing.

Each task command checks for both, so the first one after a machine was off finds what was missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tradectl.errors import TradectlError
from tradectl.ledger.executions import Execution
from tradectl.model.message_kind import MessageKind
from tradectl.model.moment import at_ist, ist_date
from tradectl.runtime import agenda
from tradectl.runtime.provisional import admit_today, note_today, warn

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.runtime.agenda import Window
    from tradectl.task import Task
    from tradectl.world import World

    WindowsOf = Callable[[Session], Sequence[Window]]

MOST_NAMED, LAST_NAMED = 12, 3
"""The most missed slots that a message names one by one, and how many of a longer list it names."""
_DIED = "its process ended without finishing"


class MissedSlots:
    """Records the missed slots of one user; a check that can find nothing costs no query."""

    def __init__(self, world: World, tasks: Sequence[Task], trigger: str) -> None:
        self._world = world
        self._tasks = tasks
        self._trigger = trigger
        self._created: datetime | None = None
        self._next_check_at: datetime | None = None
        self._checked_on: date | None = None
        self._noted_on: date | None = None
        self._checked_rows: Mapping[str, ScheduleRow] = {}
        self._checked_at: datetime | None = None
        self._windows: tuple[Session | None, Mapping[str, ScheduleRow], Sequence[Window]] = (None, {}, ())

    def record(self, rows: Mapping[str, ScheduleRow]) -> tuple[str, ...]:
        """Record the slots that were missed since the last check; return their names.

        On a weekday beyond the list of holidays, first find out whether today is a provisional session. Raises the broker's
        errors."""
        now = self._world.clock.now()
        try:
            admitted = admit_today(self._world)
        except TradectlError:  # without the broker only a list of holidays helps
            warn(self._world)
            raise
        if admitted and self._noted_on != ist_date(now):
            note_today(self._world)
            self._noted_on, self._next_check_at = ist_date(now), None
        if self._checked_at is not None and now < self._checked_at:
            self._next_check_at = self._checked_on = None
        self._checked_at = now
        if self._next_check_at is not None and now < self._next_check_at and rows == self._checked_rows:
            return ()
        warn(self._world)
        if self._created is None:
            self._created = self._world.ledger.users.get(self._world.user).created_at
        windows_of = partial(self._windows_of, rows)
        missed = record_missed(
            self._world, self._tasks, windows_of, self._trigger, since=self._created, checked_on=self._checked_on
        )
        self._checked_on = today = ist_date(now)
        known = today <= self._world.sessions.last
        session = self._world.sessions.session(today) if known else None
        self._next_check_at = next_window_end(windows_of(session) if session is not None and session.runs else (), today, now)
        self._checked_rows = rows
        return missed

    def _windows_of(self, rows: Mapping[str, ScheduleRow], session: Session) -> Sequence[Window]:
        """Return the windows of a session, computed once for the same schedule."""
        if self._windows[:2] != (session, rows):
            self._windows = session, rows, agenda.windows(self._tasks, rows, session)
        return self._windows[2]


def record_missed(
    world: World,
    tasks: Sequence[Task],
    windows_of: WindowsOf,
    trigger: str,
    *,
    since: datetime,
    checked_on: date | None = None,
) -> tuple[str, ...]:
    """Record the slots that were missed since the last execution, and close abandoned executions.

    Most checks find nothing and write nothing. A finding is written only if it still holds inside the transaction. A day that
    the session table does not cover has no windows.

    Args:
        windows_of: Returns the windows of all tasks in a session.
        since: When the user was added; windows that closed by then do not count.
        checked_on: The day of the caller's last check; earlier days are not checked again.

    Returns:
        The names of the slots that were newly recorded as missed.
    """
    now = world.clock.now()
    today = ist_date(now)
    executions = world.ledger.executions
    buying = {task.name for task in tasks if task.buys}
    first = checked_on or executions.last_session(through=today) or today
    over: list[tuple[Session, Window]] = []
    left: list[tuple[Session, Window]] = []
    known_through = min(today, world.sessions.last)
    for session in world.sessions.run_between(first, known_through) if first <= known_through else ():
        windows, known = windows_of(session), executions.statuses(session.date, by=None if world.clock.virtual else now)
        if session.provisional:
            windows = [window for window in windows if window.task not in buying]
        over += [(session, window) for window in agenda.missed(windows, now, known) if window.closes > since]
        running = (window for window in windows if known.get((window.task, window.slot)) == "running")
        left += [(session, window) for window in running if window.over <= now]
    if not over and not left:
        return ()
    found: list[str] = []
    with world.ledger.database.note():
        for session, window in over:
            if executions.record_missed(window.task, session.date, window.slot, now, trigger):
                found.append(f"{window.name} of {session.date}")
        for session, window in left:
            row = executions.get(window.task, session.date, window.slot)
            if row is not None:
                _close(world, window, row)
        if found:
            body = "; ".join(found)
            world.ledger.logs.append(now, "error", "task_missed", f"missed: {body}")
            text = f"{shortened(found)}: not run before the window closed. `tradectl executions --status missed` lists them"
            key = f"missed:{now.isoformat()}"
            world.ledger.outbox.add(now, f"{len(found)} missed", text, key, kind=MessageKind.MISSED_SLOT)
    return tuple(found)


def shortened(names: Sequence[str]) -> str:
    """Return the names of missed slots (`TASK SLOT of DATE`) as text, the slots of a task and day together.

    Of many return only their number and the last ones."""
    if len(names) <= MOST_NAMED:
        slots: dict[tuple[str, str], list[str]] = {}
        for name in names:
            window, _, day = name.rpartition(" of ")
            task, _, slot = window.partition(" ")
            slots.setdefault((task, day), []).append(slot)
        return ", ".join(f"{' '.join([task, *filter(None, at)])} of {day}" for (task, day), at in slots.items())
    first, last = (name.rpartition(" of ")[2] for name in (names[0], names[-1]))
    return f"{len(names)} slots from {first} to {last}; the last: " + ", ".join(names[-LAST_NAMED:])


def next_window_end(windows: Sequence[Window], today: date, now: datetime) -> datetime:
    """Return the next moment at which a slot can be missed: the end of a window of today, or the end of the day."""
    midnight = at_ist(today + timedelta(days=1), datetime.min.time())
    return min((end for window in windows if (end := window.over) > now), default=midnight)


def _close(world: World, window: Window, row: Execution) -> None:
    """Close an abandoned execution: a monitor that did steps as completed, any other as failed."""
    ledger, now = world.ledger, world.clock.now()
    complete = window.every is not None and row.steps > 0
    status, error = ("completed", "") if complete else ("failed", _DIED)
    if ledger.executions.close_abandoned(row, status, error, now, world.clock.machine_now()) and not complete:
        text = f"{window.name} of {row.session_date} failed: {_DIED}"
        ledger.logs.append(now, "error", "task_failed", text, task=window.task)
        key = f"failed:{window.name}:{row.session_date}:{row.attempt}"
        ledger.outbox.add(now, f"{window.name} failed", text, key, kind=MessageKind.TASK_FAILED)
