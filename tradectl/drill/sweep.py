"""Many seeds on several cores. What each seed came to is kept in a file, so that a sweep can be stopped and goes on where it was.

A file is good for one version of the program's own source: after a change to it everything is drilled anew.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tradectl.build_fingerprint import build_fingerprint
from tradectl.drill import days
from tradectl.drill.crashes import Drill, Tally, conditions_of, is_fair
from tradectl.drill.days import Day, Step
from tradectl.drill.ground import FolderGround, Ground, ServerGround, drop_databases, own_database
from tradectl.drill.life import Exchange, Life, found, peace
from tradectl.drill.play import play
from tradectl.errors import TradectlError

Progress = Callable[[int, int, Tally], None]
MEMORY = Path("/dev/shm")
"""Where files cost no disk, if the system has it: everything here is thrown away."""
QUIET = 4
"""The first days have no orders yet."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drilled: seeds 0 to `seeds` - 1, one task or all (empty), with ledgers on SQLite (`server` empty) or in databases
    of their own on a PostgreSQL server, `jobs` seeds at a time; of each seed at most `points` crash points (0: all). `through`:
    the broker whose adapter and sandbox stand before the exchange (empty: none)."""

    seeds: int
    task: str = ""
    server: str = ""
    jobs: int = 1
    points: int = 0
    through: str = ""

    @property
    def name(self) -> str:
        """What makes results comparable; also the name of their file."""
        points = [f"{self.points}-points"] if self.points else []
        through = [f"through-{self.through}"] if self.through else []
        parts = [
            "postgresql" if self.server else "sqlite",
            *through,
            self.task or "every-task",
            *points,
            build_fingerprint()[:12],
        ]
        return "-".join(parts)


def sweep(plan: Plan, folder: Path, progress: Progress) -> Tally:
    """Drill every seed of the plan that has no result in `folder` yet; the tally of all."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{plan.name}.jsonl"
    done = _read(file)
    total = Tally()
    for seed in sorted(done):
        if seed < plan.seeds:
            total.take(done[seed])
    waiting = [seed for seed in range(plan.seeds) if seed not in done]
    progress(plan.seeds - len(waiting), plan.seeds, total)
    if not waiting:
        return total
    _end_the_last_line(file)
    with _workplace() as work, file.open("a", encoding="utf-8") as results:
        market = work / "market"
        days.make(market, Exchange(market).sessions)
        for number, (seed, tally) in enumerate(_each(plan, waiting, work), plan.seeds - len(waiting) + 1):
            results.write(json.dumps({"seed": seed, **tally.stored()}) + "\n")
            results.flush()
            total.take(tally)
            progress(number, plan.seeds, total)
    return total


def _each(plan: Plan, seeds: list[int], work: Path) -> Iterator[tuple[int, Tally]]:
    """The tally of each seed, as it is done. Processes that were not forked have nothing of this one's."""
    jobs = max(1, min(plan.jobs, len(seeds)))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(plan, work))
    try:
        futures = {pool.submit(_drill, seed): seed for seed in seeds}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        if plan.server:
            drop_databases(plan.server, str(os.getpid()))


class Stage:
    """What a worker has: a ground of its own with the account as it is before each day, and the market that all share."""

    def __init__(self, work: Path, market: Path, server: str = "", through: str = "", of: slice = slice(None)) -> None:
        """`of`: the days that are wanted; the account is new on the first of them."""
        self.through = through
        self.exchange = Exchange(market)
        self.ground: Ground = ServerGround(work, server) if server else FolderGround(work)
        self.days = days.days(self.exchange.sessions)[of]
        self._prepare()

    def drill(self, seed: int, task: str = "", points: int = 0) -> Tally:
        """Every crash point of one seed, or those of one task; at most so many of them (0: all)."""
        used = self.days[QUIET:]
        return Drill(self.ground, self.exchange, used[(seed * 5) % len(used)], conditions_of(seed, self.through)).run(
            task, points
        )

    def _prepare(self) -> None:
        first = self.days[0]
        found(self.ground, first.begins)
        calm = peace(self.through)
        life = Life(self.ground, self.exchange, calm, first.begins)

        def run(step: Step) -> None:
            report = play(life, step)
            if not is_fair(report, {0}):
                raise TradectlError(f"the drill could not be prepared: {step.name}: {report.error}")

        def save(day: Day) -> None:
            nonlocal life
            life.end()
            self.ground.save(f"day-{day.number}")
            life = Life(self.ground, self.exchange, calm, max(day.begins, life.clock.now()))

        days.prepare(self.days, run, save)
        life.end()


_staged: list[tuple[Stage, Plan, int]] = []
"""The stage of this worker process, what it is to drill, and the process that it works for."""


def _begin(plan: Plan, work: Path) -> None:
    own = work / f"worker-{os.getpid()}"
    own.mkdir()
    server = own_database(plan.server, f"{os.getppid()}_{os.getpid()}") if plan.server else ""
    _staged.append((Stage(own, work / "market", server, plan.through), plan, os.getppid()))


def _drill(seed: int) -> Tally:
    stage, plan, parent = _staged[0]
    if os.getppid() != parent:  # it was killed, and nobody waits for the result
        os._exit(0)
    return stage.drill(seed, plan.task, plan.points)


def _read(file: Path) -> dict[int, Tally]:
    """The results that are kept; a last line that was cut off by a death counts for nothing."""
    found: dict[int, Tally] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        seed = values.pop("seed")
        found[seed] = Tally.restored(values)
    return found


def _end_the_last_line(file: Path) -> None:
    """What a death cut off stays a line of its own: the next result is not to be lost with it."""
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    if kept and not kept.endswith("\n"):
        with file.open("a", encoding="utf-8") as results:
            results.write("\n")


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder that goes away again."""
    base = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    work = Path(tempfile.mkdtemp(prefix="tradectl-drill-", dir=base))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
