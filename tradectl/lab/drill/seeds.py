"""Drill many seeds on several cores. The result of each seed is stored in a file, so that a stopped run can continue.

A file is valid for one version of the program's source. After a change of the source every seed is drilled again.
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
from pathlib import Path

from msgspec import Struct

from tradectl.build_fingerprint import build_fingerprint
from tradectl.errors import TradectlError
from tradectl.lab.drill import days
from tradectl.lab.drill.crashes import Drill, Tally, conditions_of, ended_as_allowed
from tradectl.lab.drill.days import DrillDay, DrillStep
from tradectl.lab.drill.process import DrillProcess, SharedMarket, create_account, play_step, without_faults
from tradectl.lab.drill.workspace import FolderWorkspace, ServerWorkspace, Workspace, drop_databases, own_database
from tradectl.strategy.strategy import Strategy
from tradectl.strategy.strategy_forms import strategy_of

Progress = Callable[[int, int, Tally], None]
MEMORY = Path("/dev/shm")
"""A folder in memory, used if the system has it, because all files of a drill are temporary."""
FIRST_DRILLED = 4
"""The number of first days that are not drilled, because they have no orders yet."""


class StrategyText(Struct, frozen=True):
    """The file of an own strategy, as a spawned process can receive it."""

    name: str
    form: str
    text: str

    def read(self) -> Strategy:
        """Return the strategy. Raises UsageError or ConfigurationError for a wrong file."""
        return strategy_of(self.name, self.form, self.text)


class DrillPlan(Struct, frozen=True):
    """The extent of a drill.

    Attributes:
        seeds: The number of seeds: 0 to `seeds` - 1.
        task: The task with the crash points; empty for all tasks.
        server: The URL of a PostgreSQL server, on which each worker gets its own database; empty for SQLite.
        jobs: How many seeds run at the same time.
        points: The most crash points of each seed; 0 for all.
        through: The broker whose adapter and sandbox are in front of the exchange; empty for none.
        strategy: The own strategy of the account; None for the shipped rule.
    """

    seeds: int
    task: str = ""
    server: str = ""
    jobs: int = 1
    points: int = 0
    through: str = ""
    strategy: StrategyText | None = None

    @property
    def name(self) -> str:
        """Return the name of the results file, which includes everything that results depend on."""
        points = [f"{self.points}-points"] if self.points else []
        through = [f"through-{self.through}"] if self.through else []
        parts = [
            "postgresql" if self.server else "sqlite",
            *through,
            *([f"{self.strategy.name}-{self.strategy.read().hash[:12]}"] if self.strategy else []),
            self.task or "every-task",
            *points,
            build_fingerprint()[:12],
        ]
        return "-".join(parts)


def drill_seeds(plan: DrillPlan, folder: Path, progress: Progress) -> Tally:
    """Drill every seed of the plan that has no result in `folder` yet; return the tally of all seeds."""
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
        days.make(market, SharedMarket(market).sessions)
        for number, (seed, tally) in enumerate(_each(plan, waiting, work), plan.seeds - len(waiting) + 1):
            results.write(json.dumps({"seed": seed, **tally.stored()}) + "\n")
            results.flush()
            total.take(tally)
            progress(number, plan.seeds, total)
    return total


def _each(plan: DrillPlan, seeds: list[int], work: Path) -> Iterator[tuple[int, Tally]]:
    """Yield each seed with its tally when it is finished. The workers are spawned processes, which share no state."""
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


class DrillWorker:
    """The state of one worker: its workspace with the account before each day, and the shared market."""

    def __init__(
        self,
        work: Path,
        market: Path,
        server: str = "",
        through: str = "",
        *,
        of: slice = slice(None),
        strategy: Strategy | None = None,
    ) -> None:
        """Prepare the account. `of`: which days to prepare; the account is new on the first of them."""
        self.through, self.strategy = through, strategy
        self.exchange = SharedMarket(market)
        self.workspace: Workspace = ServerWorkspace(work, server) if server else FolderWorkspace(work)
        self.days = days.days(self.exchange.sessions)[of]
        self._prepare()

    def drill(self, seed: int, task: str = "", points: int = 0) -> Tally:
        """Run every crash point of one seed, or those of one task; return the tally. `points`: at most so many (0: all)."""
        used = self.days[FIRST_DRILLED:]
        return Drill(self.workspace, self.exchange, used[(seed * 5) % len(used)], conditions_of(seed, self.through)).run(
            task, points
        )

    def _prepare(self) -> None:
        first = self.days[0]
        create_account(self.workspace, first.begins, self.strategy)
        calm = without_faults(self.through)
        process = DrillProcess(self.workspace, self.exchange, calm, first.begins)

        def run(step: DrillStep) -> None:
            report = play_step(process, step)
            if not ended_as_allowed(report, {0}):
                raise TradectlError(f"the drill could not be prepared: {step.name}: {report.error}")

        def save(day: DrillDay) -> None:
            nonlocal process
            process.end()
            self.workspace.save(f"day-{day.number}")
            process = DrillProcess(self.workspace, self.exchange, calm, max(day.begins, process.clock.now()))

        days.prepare(self.days, run, save)
        process.end()


_staged: list[tuple[DrillWorker, DrillPlan, int]] = []
"""The worker of this process, its plan, and the id of the parent process."""


def _begin(plan: DrillPlan, work: Path) -> None:
    own = work / f"worker-{os.getpid()}"
    own.mkdir()
    server = own_database(plan.server, f"{os.getppid()}_{os.getpid()}") if plan.server else ""
    strategy = plan.strategy.read() if plan.strategy is not None else None
    _staged.append((DrillWorker(own, work / "market", server, plan.through, strategy=strategy), plan, os.getppid()))


def _drill(seed: int) -> Tally:
    stage, plan, parent = _staged[0]
    if os.getppid() != parent:  # the parent was killed: the result has no reader
        os._exit(0)
    return stage.drill(seed, plan.task, plan.points)


def _read(file: Path) -> dict[int, Tally]:
    """Return the stored results by seed, without a line that a killed run cut off."""
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
    """End a line that a killed run cut off, so that the next result starts on a new line."""
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    if kept and not kept.endswith("\n"):
        with file.open("a", encoding="utf-8") as results:
            results.write("\n")


@contextmanager
def _workplace() -> Iterator[Path]:
    """Yield a new temporary folder and remove it at the end."""
    base = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    work = Path(tempfile.mkdtemp(prefix="tradectl-drill-", dir=base))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
