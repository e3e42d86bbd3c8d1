"""A world for the runner: real ledger, real session table, a clock that is told, and tasks that only count.

Market, broker and readings are absent: the runner must never touch them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tradectl.clock import SystemClock, VirtualClock
from tradectl.context import Context
from tradectl.exchange.sessions import SessionTable
from tradectl.halt_marker import MemoryMarker
from tradectl.ledger.executions import Execution, Executions
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.model.moment import at_ist
from tradectl.runtime.outcomes import Report
from tradectl.runtime.runner import Runner
from tradectl.strategy.parameters import Parameters
from tradectl.task import Outcome, Schedule, Task
from tradectl.world import World

DAY = date(2026, 1, 7)
"""A Wednesday with ordinary hours."""
HOLIDAY = date(2026, 1, 26)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def ist(hour: int, minute: int = 0, second: int = 0, day: date = DAY) -> datetime:
    return at_ist(day, time(hour, minute, second)).astimezone(UTC)


class ShiftedClock(SystemClock):
    """Real time that passes, on another day: `now` begins at a given moment."""

    def __init__(self, start: datetime) -> None:
        self._shift = start - super().now()

    def now(self) -> datetime:
        return super().now() + self._shift


@dataclass
class Recorder:
    """A notifier that keeps what it was given, or takes nothing."""

    sent: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    down: bool = False
    trouble: str = ""
    interrupts: bool = True

    def send(self, title: str, body: str) -> bool:
        if not self.down:
            self.sent.append(title)
            self.bodies.append(body)
        return not self.down


@dataclass
class Calls:
    """What the tasks of a test saw: (task, slot, time in India). `script` answers instead of an empty outcome."""

    seen: list[tuple[str, str, str]] = field(default_factory=list)
    script: dict[str, Callable[[Context], Outcome]] = field(default_factory=dict)

    def times(self, task: str) -> list[str]:
        return [at for name, _, at in self.seen if name == task]

    def task(self, name: str, schedule: Schedule, needs: tuple[str, ...] = ()) -> Task:
        def run(context: Context) -> Outcome:
            at = (context.now + timedelta(hours=5, minutes=30)).strftime("%H:%M:%S")
            self.seen.append((name, context.slot, at))
            return self.script[name](context) if name in self.script else Outcome({"done": 1}, changed=False)

        return Task(name, f"{name} of a test.", schedule, run, needs, added_up)


def added_up(old: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: old.get(key, 0) + new.get(key, 0) for key in {*old, *new}}


def tasks_of_a_day(calls: Calls) -> tuple[Task, ...]:
    """A day like the real one: two retries, one short window, two monitors, and two jobs of which one needs the other."""
    return (
        calls.task("retry", Schedule((time(8), time(8, 40)), time(8, 55))),
        calls.task("adjust", Schedule((time(9, 5),), time(9, 7, 30))),
        calls.task("watch", Schedule((time(9, 15),), None, every=60)),
        calls.task("hourly", Schedule((time(9, 30), time(10, 30), time(11, 30)), time(12), each_until_next=True)),
        calls.task("analyze", Schedule((time(16),), time(22, 45))),
        calls.task("buy", Schedule((time(16, 5),), time(23)), needs=("analyze",)),
    )


@dataclass
class Stage:
    """One user's world at a moment, its tasks and a runner over them."""

    world: World
    calls: Calls
    tasks: tuple[Task, ...]
    runner: Runner
    notifier: Recorder

    @property
    def ledger(self) -> Ledger:
        return self.world.ledger

    def task(self, name: str) -> Task:
        return next(task for task in self.tasks if task.name == name)

    def run(self, name: str, **asked: Any) -> Report:
        return self.runner.run(self.task(name), **asked)

    def at(self, moment: datetime) -> Stage:
        """The same home, and a new process, later."""
        return staged(self.world, self.calls, self.tasks, self.notifier, VirtualClock(moment))

    def row(self, name: str, slot: str = "", day: date = DAY) -> Execution | None:
        return self.ledger.executions.get(name, day, slot)


def staged(world: World, calls: Calls, tasks: tuple[Task, ...], notifier: Recorder, clock: Any, trigger: str = "manual") -> Stage:
    moved = replace(world, clock=clock)
    return Stage(moved, calls, tasks, Runner(moved, tasks, trigger=trigger), notifier)


def stage(path: str | Path, sessions: SessionTable, clock: Any, *, lease: timedelta | None = None, user: str = "asha") -> Stage:
    """A home in a file, made if it is not there. `lease` shortens it for tests of real processes."""
    database = open_database(path, durable=False)
    ledger = Ledger(database, user)
    if create_or_upgrade(database):
        ledger.users.add(user, capital=500_000_00, created_at=CREATED, role="admin")
    if lease is not None:
        ledger.executions = Executions(database, user, lease=lease)
    calls, notifier, absent = Calls(), Recorder(), None
    marker = MemoryMarker()
    world = World(
        user,
        "paper",
        clock,
        sessions,
        absent,
        absent,
        ledger,
        notifier,
        Parameters(),
        absent,
        marker,  # type: ignore[arg-type]
    )
    return staged(world, calls, tasks_of_a_day(calls), notifier, clock)
