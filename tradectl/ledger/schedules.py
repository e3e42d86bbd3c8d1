"""Store the schedules of a user's tasks. Each row starts as the task's declared schedule and can be edited. All times are IST."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from functools import cache
from typing import Any, Protocol

from msgspec import Struct
from sqlalchemy import bindparam, select, update

from tradectl.errors import UsageError
from tradectl.ledger.compiled import CompiledStatement
from tradectl.ledger.engine import Database
from tradectl.ledger.schema import task_schedules as rows
from tradectl.ledger.upserts import insert_new
from tradectl.model.moment import LAST_FILL, format_time

_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


class Timetable(Protocol):
    """The declared times of a task, as `tradectl.task.Schedule` has them."""

    @property
    def at(self) -> tuple[time, ...]: ...
    @property
    def until(self) -> time | None: ...
    @property
    def every(self) -> int | None: ...


class Scheduled(Protocol):
    """The name and the declared schedule of a task."""

    @property
    def name(self) -> str: ...
    @property
    def schedule(self) -> Timetable: ...


class ScheduleRow(Struct, frozen=True):
    """A task's schedule for one user. `until` None: the session's last fill. `every`: seconds between steps; None: one step."""

    user: str
    task: str
    times: tuple[time, ...]
    until: time | None
    every: int | None
    enabled: bool


@cache
def parse_time(text: str) -> time:
    """Read `9:15`, `09:15` or `09:07:30` as a time of day in IST. Raises UsageError."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise UsageError(f"a time is HH:MM or HH:MM:SS (IST), not {text!r}")
    hour, minute, second = (int(part or 0) for part in found.groups())
    if hour > 23 or minute > 59 or second > 59:
        raise UsageError(f"{text!r} is not a time of day: a time is HH:MM or HH:MM:SS (IST)")
    return time(hour, minute, second)


def declared(user: str, task: Scheduled) -> ScheduleRow:
    """Return the row of a task as the task declares it."""
    return ScheduleRow(user, task.name, task.schedule.at, task.schedule.until, task.schedule.every, True)


class Schedules:
    """The schedule rows of one user."""

    def __init__(self, database: Database, user: str) -> None:
        self.database = database
        self.user = user
        self._cached: tuple[object, tuple[ScheduleRow, ...]] = (None, ())

    def seed(self, tasks: Iterable[Scheduled]) -> int:
        """Add the declared schedule of each task without a row, enabled; return how many were added."""
        with self.database.write() as connection:
            added = [insert_new(connection, rows, {**self._key(task.name), **_seed(task.schedule)}) for task in tasks]
        return sum(added)

    def list(self) -> tuple[ScheduleRow, ...]:
        """Return every row, by the first time of the day; cached until the database changes."""
        token = self.database.version_token()
        if self._cached[0] != token:
            with self.database.read() as connection:
                found = _OF_USER.all(connection, {"of_user": self.user})
            self._cached = (token, tuple(sorted(map(_row, found), key=lambda row: (row.times[0], row.task))))
        return self._cached[1]

    def get(self, task: str) -> ScheduleRow:
        """Return the row of a task. Raises UsageError if there is none."""
        with self.database.read() as connection:
            found = connection.execute(select(*rows.c).where(rows.c.user == self.user, rows.c.task == task)).first()
        if found is None:
            raise UsageError(f"no task is called {task!r}; see `tradectl schedule list`")
        return _row(found)

    def set(
        self, task: str, times: Iterable[str] | None = None, until: str | None = None, every: int | None = None
    ) -> ScheduleRow:
        """Change the given parts of a schedule; return the new row.

        Raises:
            UsageError: A bad time, times out of order, or an end that is not after the last start.
        """
        old = self.get(task)
        starts = tuple(parse_time(text) for text in times) if times is not None else old.times
        end = old.until if until is None else None if until == LAST_FILL else parse_time(until)
        if not starts:
            raise UsageError("a schedule needs at least one time")
        if list(starts) != sorted(set(starts)):
            raise UsageError("the times of a schedule must be in order, without repeats")
        if len(starts) > 1 and any(start.second for start in starts):
            raise UsageError("a task with several times a day needs whole minutes, because each time is the name of a slot")
        if end is not None and end <= starts[-1]:
            raise UsageError(f"{task} must end after it starts: {format_time(end)} is not after {format_time(starts[-1])}")
        if every is not None and old.every is None:
            raise UsageError(f"{task} makes only one step, so it has no `every`; that setting is for monitors")
        if every is not None and every < 1:
            raise UsageError("`every` must be at least 1 second")
        return self._change(task, **_stored(starts, end, every or old.every))

    def enable(self, task: str) -> ScheduleRow:
        """Let the daemon and `run-due` run a task; return its row."""
        return self._change(task, enabled=True)

    def disable(self, task: str) -> ScheduleRow:
        """Stop the daemon and `run-due` from running a task; return its row."""
        return self._change(task, enabled=False)

    def _key(self, task: str) -> dict[str, str]:
        return {"user": self.user, "task": task}

    def _change(self, task: str, **values: Any) -> ScheduleRow:
        with self.database.write() as connection:
            connection.execute(update(rows).where(rows.c.user == self.user, rows.c.task == task).values(**values))
        return self.get(task)


def _seed(schedule: Timetable) -> dict[str, Any]:
    return {**_stored(schedule.at, schedule.until, schedule.every), "enabled": True}


def _stored(times: Iterable[time], until: time | None, every: int | None) -> dict[str, Any]:
    end = LAST_FILL if until is None else format_time(until)
    return {"times": " ".join(format_time(at) for at in times), "until": end, "every": every}


def _row(row: Any) -> ScheduleRow:
    times = tuple(parse_time(text) for text in row.times.split())
    until = None if row.until == LAST_FILL else parse_time(row.until)
    return ScheduleRow(row.user, row.task, times, until, row.every, bool(row.enabled))


_OF_USER = CompiledStatement(select(*rows.c).where(rows.c.user == bindparam("of_user")))
"""Run before every command, so it is compiled once."""
