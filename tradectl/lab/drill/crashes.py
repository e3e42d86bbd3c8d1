"""Drill one seed: a day, a fault, and a death at every commit and every call to the broker of every step.

The day is played once to its end, and the workspace is saved before each step. Then, for each operation of each step, the drill
restores that workspace, dies there, starts again and plays the day to its end. Most of the processes that follow die too. Some
deaths are a SIGKILL of a process of its own. Some processes are stopped in the middle of a command until another has gone on.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tradectl.lab.drill.crash_point import CrashPoint, Killed
from tradectl.lab.drill.days import DrillDay, DrillStep
from tradectl.lab.drill.forked_process import killed_there, stopped_there
from tradectl.lab.drill.ledger_check import LedgerCheck, check_ledger
from tradectl.lab.drill.process import Conditions, DrillProcess, SharedMarket, play_step
from tradectl.lab.drill.remote import promise_of
from tradectl.lab.drill.workspace import Workspace
from tradectl.lab.faults import HELD_BACK, Fault, Promise
from tradectl.runtime.exposure import MONITOR
from tradectl.runtime.outcomes import Report

KINDS = tuple(fault for fault in Fault if fault not in HELD_BACK)
PROMISES = tuple(Promise)
DIES_AGAIN = 0.7
"""Probability that the next process gets a crash point too. It is drawn again after each one."""
RESTARTED = (timedelta(seconds=1), timedelta(seconds=60))
"""How long after a death the next process begins: at once by a daemon, or with cron's next minute."""
REAL_KILLS, STOPS = 10, 6
"""How many of a seed's deaths are of real processes, and how many real processes are stopped in it."""
BUG, USAGE, UNKNOWN, MISSED = 1, 2, 7, 12
FAIR = frozenset({0, UNKNOWN, MISSED, BUG})
"""How a task may end where the exchange has no fault: deaths alone can make an order UNKNOWN until a window is over. Bugs are
counted apart."""
EXPOSED = 11
COMMANDS = frozenset({"place", "place:done", "modify", "modify:done", "cancel", "cancel:done"})
ONE_WRITER = frozenset({Fault.REQUEST_LATE, Fault.SLOW_BOOK, Fault.SLOWER_BOOK})
"""Faults with a file of their own: a stopped process would write its older state back."""


@dataclass(slots=True)
class Tally:
    """The result of one seed or of many.

    Attributes:
        runs: Days that were played: one without a death, and one for each crash point and each stop.
        kills: Deaths; `real_kills` are those by SIGKILL. `stops`: processes that SIGSTOP stopped, not deaths.
        faults: How often each fault happened.
        duplicates, lost, failed: One line for each finding.
        silent: Positions without a live sell that the program did not report.
        unknown: Orders whose outcome the ledger does not know, counted by its reason.
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
        counters = {name: Counter(values[name]) for name in ("faults", "unknown")}
        return cls(**{**values, **counters})


def conditions_of(seed: int, through: str = "") -> Conditions:
    """Return the faults and the promise of a seed.

    Both alternate by seed, so that a few seeds cover all of them. `through`: the broker whose promise holds.
    """
    kind = KINDS[seed % len(KINDS)]
    promise = promise_of(through) if through else PROMISES[(seed + seed // len(KINDS)) % len(PROMISES)]
    if kind is Fault.SLOWER_BOOK and promise is Promise.LAG:
        promise = Promise.NOTHING  # a book slower than is promised: no promise is left to build on
    return Conditions(frozenset({kind} - {Fault.NONE}), promise, seed, through)


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """A step, when it begins, and the names of its operations in a day without a death."""

    step: DrillStep
    at: datetime
    operations: tuple[str, ...]


class Drill:
    """The drill of one seed in one workspace, which holds the account before each day under `day-NUMBER`."""

    def __init__(self, workspace: Workspace, exchange: SharedMarket, day: DrillDay, conditions: Conditions) -> None:
        self.workspace = workspace
        self.exchange = exchange
        self.day = day
        self.conditions = conditions
        self.tally = Tally()
        self._seed_text = f"seed {conditions.seed}, {day.traded}, {_text_of(conditions)}"
        self._where = ""
        """The place of the crash or stop in the current day."""

    def run(self, task: str = "", most: int = 0) -> Tally:
        """Play every crash point of the day, or those of one task, and return the tally. `most`: draw so many (0: all)."""
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
        """Play the day to its end without a death, and keep the workspace before each step."""
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
        """Return every operation of the day: the number of its step, and its own, from 1."""
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
            now = killed_there(
                lambda point: self._process(scene.at, point, dead=False), scene.step, at, scene.at, self.workspace.folder
            )
            self.tally.real_kills += 1
        else:
            now = self._live(scene.at, CrashPoint(at), [scene.step])[0]
        self.tally.kills += 1
        now += draw.choice(RESTARTED)
        while draw.random() < DIES_AGAIN:
            now, died = self._live(now, CrashPoint(draw.randint(1, len(scene.operations))), [scene.step])
            self.tally.kills += died
            now += draw.choice(RESTARTED)
        self._to_the_end(now, steps[number:])

    def _stop(self, number: int, scene: RehearsedStep, steps: list[DrillStep], at: int) -> None:
        """Stop a process in the middle of a command, let its lease end and others go on, and wake it before the day is over."""
        draw = random.Random(f"{self.conditions.seed}/{number}/{at}/stop")
        self.workspace.restore(f"step-{number}")
        self._where = f"{scene.step.name}, stopped at {at} ({scene.operations[at - 1]})"

        def begin(point: CrashPoint) -> DrillProcess:
            return self._process(scene.at, point, dead=False)

        with stopped_there(begin, scene.step, at, self.workspace.folder) as sleeper:
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
        """Play these steps, or until the process dies; return when it ended, and whether it died."""
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
            verdict.failed += [f"{item.task}: {item.outcome}, {item.error}" for item in reports if not is_fair(item)]
        self.tally.add(verdict, f"{self._seed_text}, {self._where}")


def is_fair(report: Report, fair: Container[int] = FAIR) -> bool:
    """Return whether a task ended as it may where the exchange has no fault.

    The drill's monitor steps rarely. What was bought since its last step has no sell yet, and every other task must report it.
    """
    named = report.task != MONITOR and report.exit_code == EXPOSED and bool(report.unprotected) and not report.refused
    return report.exit_code in fair or named


def _text_of(conditions: Conditions) -> str:
    far = f", through {conditions.through}" if conditions.through else ""
    return f"{'+'.join(sorted(conditions.faults)) or 'no fault'}, {conditions.promise.name.lower()}{far}"
