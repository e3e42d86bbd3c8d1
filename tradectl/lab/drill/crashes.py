"""One seed: a day, a fault, and a death at every commit and every call to the broker of every step.

The day is played once to its end, and the ground is kept as it is before each step. Then, for each operation of each step: back
to that ground, die there, start again, and let the day go on to its end. Most lives that follow die too; some deaths are a
real SIGKILL of a real process; and some lives are only stopped, in the middle of a command, until another has gone on.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tradectl.lab.drill.crash_point import Killed, Trip
from tradectl.lab.drill.days import Day, Step
from tradectl.lab.drill.forked_process import killed_there, stopped_there
from tradectl.lab.drill.ledger_check import Verdict, judge
from tradectl.lab.drill.process import Conditions, Exchange, Life, play
from tradectl.lab.drill.remote import promise_of
from tradectl.lab.drill.workspace import Ground
from tradectl.lab.faults import HELD_BACK, Fault, Promise
from tradectl.runtime.exposure import MONITOR
from tradectl.runtime.outcomes import Report

KINDS = tuple(fault for fault in Fault if fault not in HELD_BACK)
PROMISES = tuple(Promise)
DIES_AGAIN = 0.7
"""The part of all deaths after which the next life dies too, and the one after that."""
RESTARTED = (timedelta(seconds=1), timedelta(seconds=60))
"""How long after a death the next life begins: at once by a daemon, or with cron's next minute."""
REAL_KILLS, STOPS = 10, 6
"""How many of a seed's deaths are of real processes, and how many real processes are stopped in it."""
BUG, USAGE, UNKNOWN, MISSED = 1, 2, 7, 12
FAIR = frozenset({0, UNKNOWN, MISSED, BUG})
"""How a task may end where the exchange has no fault: deaths alone can make an order unknown, and last until a window is over.
Bugs are told apart."""
EXPOSED = 11
COMMANDS = frozenset({"place", "place:done", "modify", "modify:done", "cancel", "cancel:done"})
ONE_WRITER = frozenset({Fault.REQUEST_LATE, Fault.SLOW_BOOK, Fault.SLOWER_BOOK})
"""Faults that remember: a stopped process would write back what it remembered before."""


@dataclass(slots=True)
class Tally:
    """What became of one seed, or of many. `runs`: days played, each with one death at another place, or none. `kills`: deaths in
    them, `real_kills` and `stops` of real processes. `faults`: how often each happened. The lists hold a line for each finding;
    `silent` has the positions without a live sell that the program did not report. `unknown` counts the orders that the ledger
    says it does not know, by what it says of them."""

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

    def add(self, verdict: Verdict, where: str) -> None:
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
        """As JSON values, and back by `restored`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def restored(cls, values: dict[str, Any]) -> Tally:
        counters = {name: Counter(values[name]) for name in ("faults", "unknown")}
        return cls(**{**values, **counters})


def conditions_of(seed: int, through: str = "") -> Conditions:
    """The faults and the promise of a seed: they take turns, so that few seeds have them all. An adapter has its own promise."""
    kind = KINDS[seed % len(KINDS)]
    promise = promise_of(through) if through else PROMISES[(seed + seed // len(KINDS)) % len(PROMISES)]
    if kind is Fault.SLOWER_BOOK and promise is Promise.LAG:
        promise = Promise.NOTHING  # a book slower than is promised: no promise is left to build on
    return Conditions(frozenset({kind} - {Fault.NONE}), promise, seed, through)


@dataclass(frozen=True, slots=True)
class Scene:
    """A step, when it begins, and the names of its operations where nobody dies."""

    step: Step
    at: datetime
    operations: tuple[str, ...]


class Drill:
    """The drill of one seed on one ground, which holds the account as it is before each day under `day-NUMBER`."""

    def __init__(self, ground: Ground, exchange: Exchange, day: Day, conditions: Conditions) -> None:
        self.ground = ground
        self.exchange = exchange
        self.day = day
        self.conditions = conditions
        self.tally = Tally()
        self._told = f"seed {conditions.seed}, {day.traded}, {_told(conditions)}"
        self._where = ""
        """Where the day that is played now is disturbed."""

    def run(self, task: str = "", most: int = 0) -> Tally:
        """Every crash point of the day, or those of one task; at most so many of them, drawn (0: all)."""
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

    def _rehearse(self) -> list[Scene]:
        """Play the day to its end without a death, and keep the ground before each step."""
        self.ground.restore(f"day-{self.day.number}")
        self._where = "nobody dies"
        scenes, reports, now = [], [], self.day.begins
        steps = self.day.steps()
        for number, step in enumerate(steps):
            self.ground.save(f"step-{number}")
            trip = Trip()
            life = self._life(now, trip)
            reports.append(play(life, step))
            scenes.append(Scene(step, now, tuple(trip.names)))
            now = life.clock.now()
            if step is steps[-1]:
                self._judge(life, reports)
            self._end(life)
        return scenes

    def _points(self, scenes: list[Scene], task: str) -> list[tuple[int, int]]:
        """Every operation of the day: the number of its step, and its own, from 1."""
        return [
            (number, at)
            for number, scene in enumerate(scenes)
            for at in range(1, len(scene.operations) + 1)
            if not task or scene.step.task == task
        ]

    def _die(self, number: int, scene: Scene, steps: list[Step], at: int, *, real: bool) -> None:
        draw = random.Random(f"{self.conditions.seed}/{number}/{at}")
        self.ground.restore(f"step-{number}")
        self._where = f"{scene.step.name}, killed at {at} ({scene.operations[at - 1]})"
        if real:
            now = killed_there(lambda trip: self._life(scene.at, trip, dead=False), scene.step, at, scene.at, self.ground.folder)
            self.tally.real_kills += 1
        else:
            now = self._live(scene.at, Trip(at), [scene.step])[0]
        self.tally.kills += 1
        now += draw.choice(RESTARTED)
        while draw.random() < DIES_AGAIN:
            now, died = self._live(now, Trip(draw.randint(1, len(scene.operations))), [scene.step])
            self.tally.kills += died
            now += draw.choice(RESTARTED)
        self._to_the_end(now, steps[number:])

    def _stop(self, number: int, scene: Scene, steps: list[Step], at: int) -> None:
        """A process is stopped in the middle of a command, its lease ends, others go on, and it wakes before the day is over."""
        draw = random.Random(f"{self.conditions.seed}/{number}/{at}/stop")
        self.ground.restore(f"step-{number}")
        self._where = f"{scene.step.name}, stopped at {at} ({scene.operations[at - 1]})"
        with stopped_there(lambda trip: self._life(scene.at, trip, dead=False), scene.step, at, self.ground.folder) as sleeper:
            rest = steps[number:]
            awake_for = draw.randint(1, max(1, len(rest) - 1))
            life = self._life((sleeper.since or scene.at) + RESTARTED[1], Trip(), later=True)
            reports = [play(life, step) for step in rest[:awake_for]]
            self._end(life)
            failure = sleeper.wake(life.clock.now())
        self.tally.stops += 1
        self._to_the_end(life.clock.now(), rest[awake_for:], reports, failure, later=True)

    def _to_the_end(
        self,
        now: datetime,
        steps: list[Step],
        before: list[Report] | None = None,
        failure: str = "",
        *,
        later: bool = False,
    ) -> None:
        life = self._life(now, Trip(), later=later)
        reports = [*(before or []), *(play(life, step) for step in steps)]
        self._judge(life, reports, failure, stopped=later)
        self._end(life)

    def _live(self, at: datetime, trip: Trip, steps: list[Step]) -> tuple[datetime, bool]:
        """Until the end of these steps or of this life; when, and whether it died."""
        life, died = self._life(at, trip), False
        try:
            for step in steps:
                play(life, step)
        except Killed:
            died = True
        self._end(life)
        return life.clock.now(), died

    def _life(self, at: datetime, trip: Trip, *, dead: bool = True, later: bool = False) -> Life:
        return Life(self.ground, self.exchange, self.conditions, at, trip=trip, dead=dead, later=later)

    def _end(self, life: Life) -> None:
        self.tally.faults.update({str(fault): hits for fault, hits in life.hits.items()})
        self.tally.silent += [f"{self._told}, {self._where}: {line}" for line in life.silent]
        self.tally.failed += [f"{self._told}, {self._where}, at the sandbox: {trouble}" for trouble in life.troubles]
        life.end()

    def _judge(self, life: Life, reports: list[Report], failure: str = "", *, stopped: bool = False) -> None:
        verdict = judge(life.truth(), life.ledger, life.broker.oversold)
        verdict.failed = [f"{report.task}: {report.error}" for report in reports if report.exit_code in {BUG, USAGE}]
        verdict.failed += [failure] if failure else []
        if not self.conditions.faults and not stopped:
            verdict.failed += [f"{item.task}: {item.outcome}, {item.error}" for item in reports if not is_fair(item)]
        self.tally.add(verdict, f"{self._told}, {self._where}")


def is_fair(report: Report, fair: Container[int] = FAIR) -> bool:
    """Return whether a task ends as it may where the exchange has no fault. The monitor of the drill steps rarely: what was
    bought since its last step has no sell yet, and every other task must say so."""
    named = report.task != MONITOR and report.exit_code == EXPOSED and bool(report.unprotected) and not report.refused
    return report.exit_code in fair or named


def _told(conditions: Conditions) -> str:
    far = f", through {conditions.through}" if conditions.through else ""
    return f"{'+'.join(sorted(conditions.faults)) or 'no fault'}, {conditions.promise.name.lower()}{far}"
