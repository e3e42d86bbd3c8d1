"""Drill one seed: one day, one fault, and a death at every commit and every call to the broker of every step.

The day first runs once to its end, and the workspace is saved before each step. Then, for each operation of each step, the drill
restores that workspace, kills the process at the operation, restarts it and runs the day to its end. Most restarted processes die
too. Some deaths are a SIGKILL of a real process. Some real processes are stopped during a command until another process has
continued the work.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from tradectl.lab.drill.crash_point import CrashPoint, Killed
from tradectl.lab.drill.days import DrillDay, DrillStep
from tradectl.lab.drill.forked_process import kill_at, stop_at
from tradectl.lab.drill.ledger_check import LedgerCheck, check_ledger
from tradectl.lab.drill.process import Conditions, DrillProcess, SharedMarket, play_step
from tradectl.lab.drill.remote import promise_of
from tradectl.lab.drill.workspace import Workspace
from tradectl.lab.faults import ENDED_BY_BROKER, Fault, Promise
from tradectl.runtime.exposure import MONITOR
from tradectl.runtime.outcomes import Report

KINDS = tuple(fault for fault in Fault if fault not in ENDED_BY_BROKER)
PROMISES = tuple(Promise)
SECOND_DEATH = 0.7
"""The probability that a restarted process gets a crash point too."""
RESTARTED = (timedelta(seconds=1), timedelta(seconds=60))
"""The time from a death to the next process: at once by a daemon, or at cron's next minute."""
REAL_KILLS, STOPS = 10, 6
"""How many real processes a seed kills, and how many it stops."""
BUG, USAGE, UNKNOWN, MISSED = 1, 2, 7, 12
ALLOWED_EXIT_CODES = frozenset({0, UNKNOWN, MISSED, BUG})
"""Allowed exit codes of a task at an exchange without faults.

A death alone can make an order UNKNOWN until the window is over. Bugs are counted separately."""
EXPOSED = 11
COMMANDS = frozenset({"place", "place:done", "modify", "modify:done", "cancel", "cancel:done"})
ONE_WRITER = frozenset({Fault.REQUEST_LATE, Fault.SLOW_BOOK, Fault.SLOWER_BOOK})
"""Faults with state in a file. A stopped process would overwrite the file with its older state."""


@dataclass(slots=True)
class Tally:
    """The result of one seed or of many seeds.

    Attributes:
        runs: Days that were run: one without a death, and one for each crash point and each stop.
        kills: Deaths, including `real_kills` by SIGKILL.
        stops: Processes that SIGSTOP stopped.
        faults: How often each fault happened.
        duplicates, lost, failed: One line for each finding (`LedgerCheck`).
        silent: Positions without a live sell that the program did not report.
        unknown: Orders of status UNKNOWN in the ledger, counted by their text.
    """

    runs: int = 0
    kills: int = 0
    real_kills: int = 0
    stops: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: LedgerCheck, where: str) -> None:
        """Add the findings of one run; `where` describes its crash point."""
        self.runs += 1
        for name in ("duplicates", "lost", "failed"):
            getattr(self, name).extend(f"{where}: {line}" for line in getattr(verdict, name))
        self.unknown.update(verdict.unknown)

    def take(self, other: Tally) -> None:
        """Add another tally."""
        for name in ("runs", "kills", "real_kills", "stops"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults.update(other.faults)
        self.unknown.update(other.unknown)
        for name in ("duplicates", "lost", "failed", "silent"):
            getattr(self, name).extend(getattr(other, name))

    def stored(self) -> dict[str, Any]:
        """Return the tally as JSON values; `restored` reads them."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def restored(cls, values: dict[str, Any]) -> Tally:
        """Return the tally that `stored` converted to JSON values."""
        counters = {name: Counter(values[name]) for name in ("faults", "unknown")}
        return cls(**{**values, **counters})


def conditions_of(seed: int, through: str = "") -> Conditions:
    """Return the faults and the promise of a seed.

    Both alternate by seed, so that a few seeds cover all of them. `through`: the broker whose promise is used; empty for none.
    """
    kind = KINDS[seed % len(KINDS)]
    promise = promise_of(through) if through else PROMISES[(seed + seed // len(KINDS)) % len(PROMISES)]
    if kind is Fault.SLOWER_BOOK and promise is Promise.LAG:
        promise = Promise.NOTHING  # the book is slower than declared, so the declaration must go
    return Conditions(frozenset({kind} - {Fault.NONE}), promise, seed, through)


class RehearsedStep(Struct, frozen=True):
    """A step, the moment at which it begins, and the names of its operations in a day without a death."""

    step: DrillStep
    at: datetime
    operations: tuple[str, ...]


class Drill:
    """The drill of one seed in one workspace, which has a copy `day-NUMBER` of the account before each day."""

    def __init__(self, workspace: Workspace, exchange: SharedMarket, day: DrillDay, conditions: Conditions) -> None:
        self.workspace = workspace
        self.exchange = exchange
        self.day = day
        self.conditions = conditions
        self.tally = Tally()
        self._seed_text = f"seed {conditions.seed}, {day.traded}, {_text_of(conditions)}"
        self._where = ""
        """A text about the crash or the stop of the current run."""

    def run(self, task: str = "", most: int = 0) -> Tally:
        """Run the day for every crash point, or those of one task; return the tally. `most`: draw at most so many (0: all)."""
        scenes = self._rehearse()
        steps = [scene.step for scene in scenes]
        draw = random.Random(self.conditions.seed)
        points = self._points(scenes, task)
        commands = [(number, at) for number, at in points if scenes[number].operations[at - 1] in COMMANDS]
        stops = [] if self.conditions.faults & ONE_WRITER else draw.sample(commands, min(STOPS, len(commands)))
        deaths = draw.sample(points, most) if 0 < most < len(points) else points
        real = set(draw.sample(deaths, min(REAL_KILLS, len(deaths))))
        for number, at in deaths:
            self._die(number, scenes[number], steps, at, real=(number, at) in real)
        for number, at in stops:
            self._stop(number, scenes[number], steps, at)
        return self.tally

    def _rehearse(self) -> list[RehearsedStep]:
        """Run the day to its end without a death, and save the workspace before each step."""
        self.workspace.restore(f"day-{self.day.number}")
        self._where = "no death"
        scenes, reports, now = [], [], self.day.begins
        steps = self.day.steps()
        for number, step in enumerate(steps):
            self.workspace.save(f"step-{number}")
            crash_point = CrashPoint()
            process = self._process(now, crash_point)
            reports.append(play_step(process, step))
            scenes.append(RehearsedStep(step, now, tuple(crash_point.names)))
            now = process.clock.now()
            if step is steps[-1]:
                self._judge(process, reports)
            self._end(process)
        return scenes

    def _points(self, scenes: list[RehearsedStep], task: str) -> list[tuple[int, int]]:
        """Return every operation of the day: the number of its step, and its number in the step, from 1."""
        return [
            (number, at)
            for number, scene in enumerate(scenes)
            for at in range(1, len(scene.operations) + 1)
            if not task or scene.step.task == task
        ]

    def _die(self, number: int, scene: RehearsedStep, steps: list[DrillStep], at: int, *, real: bool) -> None:
        draw = random.Random(f"{self.conditions.seed}/{number}/{at}")
        self.workspace.restore(f"step-{number}")
        self._where = f"{scene.step.name}, killed at {at} ({scene.operations[at - 1]})"
        if real:
            now = kill_at(
                lambda point: self._process(scene.at, point, dead=False), scene.step, at, scene.at, self.workspace.folder
            )
            self.tally.real_kills += 1
        else:
            now = self._live(scene.at, CrashPoint(at), [scene.step])[0]
        self.tally.kills += 1
        now += draw.choice(RESTARTED)
        while draw.random() < SECOND_DEATH:
            now, died = self._live(now, CrashPoint(draw.randint(1, len(scene.operations))), [scene.step])
            self.tally.kills += died
            now += draw.choice(RESTARTED)
        self._to_the_end(now, steps[number:])

    def _stop(self, number: int, scene: RehearsedStep, steps: list[DrillStep], at: int) -> None:
        """Stop a process during a command until its lease ends and others continue; wake it before the day ends."""
        draw = random.Random(f"{self.conditions.seed}/{number}/{at}/stop")
        self.workspace.restore(f"step-{number}")
        self._where = f"{scene.step.name}, stopped at {at} ({scene.operations[at - 1]})"

        def begin(point: CrashPoint) -> DrillProcess:
            return self._process(scene.at, point, dead=False)

        with stop_at(begin, scene.step, at, self.workspace.folder) as sleeper:
            rest = steps[number:]
            awake_for = draw.randint(1, max(1, len(rest) - 1))
            process = self._process((sleeper.since or scene.at) + RESTARTED[1], CrashPoint(), later=True)
            reports = [play_step(process, step) for step in rest[:awake_for]]
            self._end(process)
            failure = sleeper.wake(process.clock.now())
        self.tally.stops += 1
        self._to_the_end(process.clock.now(), rest[awake_for:], reports, failure, later=True)

    def _to_the_end(
        self,
        now: datetime,
        steps: list[DrillStep],
        before: list[Report] | None = None,
        failure: str = "",
        *,
        later: bool = False,
    ) -> None:
        process = self._process(now, CrashPoint(), later=later)
        reports = [*(before or []), *(play_step(process, step) for step in steps)]
        self._judge(process, reports, failure, stopped=later)
        self._end(process)

    def _live(self, at: datetime, crash_point: CrashPoint, steps: list[DrillStep]) -> tuple[datetime, bool]:
        """Run these steps, or until the process dies; return the moment at which it ended, and whether it died."""
        process, died = self._process(at, crash_point), False
        try:
            for step in steps:
                play_step(process, step)
        except Killed:
            died = True
        self._end(process)
        return process.clock.now(), died

    def _process(self, at: datetime, crash_point: CrashPoint, *, dead: bool = True, later: bool = False) -> DrillProcess:
        return DrillProcess(self.workspace, self.exchange, self.conditions, at, crash_point=crash_point, dead=dead, later=later)

    def _end(self, process: DrillProcess) -> None:
        self.tally.faults.update({str(fault): hits for fault, hits in process.hits.items()})
        self.tally.silent += [f"{self._seed_text}, {self._where}: {line}" for line in process.silent]
        self.tally.failed += [f"{self._seed_text}, {self._where}, at the sandbox: {trouble}" for trouble in process.troubles]
        process.end()

    def _judge(self, process: DrillProcess, reports: list[Report], failure: str = "", *, stopped: bool = False) -> None:
        verdict = check_ledger(process.truth(), process.ledger, process.broker.oversold)
        verdict.failed = [f"{report.task}: {report.error}" for report in reports if report.exit_code in {BUG, USAGE}]
        verdict.failed += [failure] if failure else []
        if not self.conditions.faults and not stopped:
            verdict.failed += [f"{item.task}: {item.outcome}, {item.error}" for item in reports if not ended_as_allowed(item)]
        self.tally.add(verdict, f"{self._seed_text}, {self._where}")


def ended_as_allowed(report: Report, allowed: Container[int] = ALLOWED_EXIT_CODES) -> bool:
    """Return whether a task ended in an allowed way at an exchange without faults.

    The drill's sell monitor rarely steps. A position bought since its last step has no sell yet, and other tasks must report it.
    """
    named = report.task != MONITOR and report.exit_code == EXPOSED and bool(report.unprotected) and not report.refused
    return report.exit_code in allowed or named


def _text_of(conditions: Conditions) -> str:
    far = f", through {conditions.through}" if conditions.through else ""
    return f"{'+'.join(sorted(conditions.faults)) or 'no fault'}, {conditions.promise.name.lower()}{far}"
