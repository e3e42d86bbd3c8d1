"""Compute the windows of a session from schedule rows and the session table. The functions are pure.

A window is the time in which one slot may run, from `opens` until `closes`. A continuous task does its last step at `closes`
itself. That step may begin up to one `every` late, so the window of a continuous task stays open until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.model.moment import at_ist

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.task import Task


class Window(Struct, frozen=True):
    """The time in which one slot of a task may run; both moments aware, UTC. `every`: seconds from step to step."""

    task: str
    slot: str
    opens: datetime
    closes: datetime
    every: int | None = None

    @property
    def over(self) -> datetime:
        """Return the moment from which on no step may begin."""
        return self.closes + _length_of(self.every) if self.every else self.closes

    def is_open(self, now: datetime) -> bool:
        """Return whether a step may begin now."""
        return self.opens <= now < self.over

    @property
    def name(self) -> str:
        """Return task and slot."""
        return f"{self.task} {self.slot}".strip()


@lru_cache(maxsize=256)
def task_windows(task: Task, row: ScheduleRow, session: Session) -> tuple[Window, ...]:
    """Return the windows of one task, in order. Where there are several, each slot is named by its time."""
    end = session.last_fill_at() if row.until is None else at_ist(session.date, row.until).astimezone(UTC)
    starts = [at_ist(session.date, at).astimezone(UTC) for at in row.times]
    slots = [at.strftime("%H:%M") if len(row.times) > 1 else "" for at in row.times]
    nexts = [*starts[1:], end] if task.schedule.each_until_next else [end] * len(starts)
    if task.schedule.first_until is not None and len(starts) > 1:
        first_end = at_ist(session.date, task.schedule.first_until).astimezone(UTC)
        nexts[0] = first_end if starts[0] < first_end < starts[1] else starts[1]
    found = (Window(task.name, *parts, row.every) for parts in zip(slots, starts, nexts, strict=True))
    return tuple(window for window in found if window.opens < window.closes)


def windows(tasks: Iterable[Task], rows: Mapping[str, ScheduleRow], session: Session) -> tuple[Window, ...]:
    """Return the windows of every enabled task, by opening."""
    enabled = ((task, rows[task.name]) for task in tasks if task.name in rows and rows[task.name].enabled)
    found = (window for task, row in enabled for window in task_windows(task, row, session))
    return tuple(sorted(found, key=lambda window: window.opens))


def current(of_task: Iterable[Window], now: datetime) -> Window | None:
    """Return the window of a command without a slot: the last that has opened, else the first of the day."""
    ordered = tuple(of_task)
    opened = [window for window in ordered if window.opens <= now]
    return opened[-1] if opened else ordered[0] if ordered else None


def due(all_windows: Iterable[Window], now: datetime) -> tuple[Window, ...]:
    """Return the windows that are open."""
    return tuple(window for window in all_windows if window.is_open(now))


def missed(all_windows: Iterable[Window], now: datetime, done: Iterable[tuple[str, str]]) -> tuple[Window, ...]:
    """Return the windows that are over without an execution; `done` has the (task, slot) of every execution."""
    known = set(done)
    return tuple(window for window in all_windows if window.over <= now and (window.task, window.slot) not in known)


def next_mark(window: Window, after: datetime) -> datetime | None:
    """Return a continuous window's first step after a moment: `opens` plus multiples of `every`, or `closes`; None if over."""
    opens, closes = window.opens, window.closes
    if after >= closes:
        return None
    if after < opens:
        return opens
    every = _length_of(window.every or 1)
    mark = opens + ((after - opens) // every + 1) * every
    return mark if mark < closes else closes


@cache
def _length_of(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def marks(window: Window) -> tuple[datetime, ...]:
    """Return every step of a continuous window, `opens` and `closes` included."""
    found = [window.opens]
    while (mark := next_mark(window, found[-1])) is not None:
        found.append(mark)
    return tuple(found)
