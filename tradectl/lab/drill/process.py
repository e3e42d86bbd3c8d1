"""Run the program in a workspace until it dies. To the next process it looks dead.

One real process runs several such simulated processes, one after the other. So each claims its work under an owner whose process
does not exist, as the next process would find it after a kill. A process that is only stopped has a running owner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import count
from pathlib import Path

from msgspec import Struct

from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.drill import remote
from tradectl.lab.drill.broker_sandboxes import sandbox_entry
from tradectl.lab.drill.crash_point import CrashPoint, Killed
from tradectl.lab.drill.days import MONITOR_EVERY, SCHEDULE, SETTINGS, DrillStep
from tradectl.lab.drill.exchange import drill_exchange, drill_world
from tradectl.lab.drill.unreported_positions import silent, unseen
from tradectl.lab.drill.workspace import PAPER, SERVER, Workspace
from tradectl.lab.faults import Fault, FaultyBroker, Promise, Truth
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.process_identity import current_identity, split_identity
from tradectl.ledger.store import Ledger
from tradectl.ledger.strategies import StoredCheck, StoredStrategy, UsedStrategy
from tradectl.marketdata.store import Store
from tradectl.ports import Clock
from tradectl.runtime.exposure import MONITOR
from tradectl.runtime.outcomes import Report
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.screener.readings import Readings
from tradectl.strategy.parameters import Parameters, with_changes
from tradectl.strategy.strategy import Strategy
from tradectl.task import Outcome, Task

USER = "drill"
CAPITAL = 500_000_00
LEASE_OVER = timedelta(minutes=5)
"""How far the machine time is ahead for a process that begins after a stopped process, so that its leases have expired."""
_owners = count(1)


def dead_owner() -> str:
    """Return an owner on this machine and boot whose process is provably dead."""
    host, boot, pid, start = split_identity(current_identity())
    return f"{host}:{boot}:{pid}:{start}.{next(_owners)}"


class StoppedClock(VirtualClock):
    """The clock of a process that will be stopped. After its wake-up (`awake`), the process ends at its next wait.

    The time has advanced in other processes meanwhile, and this clock cannot follow it.
    """

    awake = False

    def sleep(self, seconds: float) -> None:
        if self.awake:
            raise Killed
        super().sleep(seconds)


class LaterClock(StoppedClock):
    """The virtual clock of a process that begins after all current leases have expired."""

    def machine_now(self) -> datetime:
        return super().machine_now() + LEASE_OVER


class Conditions(Struct, frozen=True):
    """The faults of the exchange, the promise of its adapter, and the seed of both.

    `through`: the broker whose adapter and sandbox are between the program and the exchange; empty for none.
    """

    faults: frozenset[Fault]
    promise: Promise
    seed: int
    through: str = ""


NO_FAULTS = Conditions(frozenset(), Promise.REFUSES, 0)


def without_faults(through: str) -> Conditions:
    """Return conditions without a fault. `through`: see `Conditions`."""
    return Conditions(frozenset(), remote.promise_of(through), 0, through) if through else NO_FAULTS


class SharedMarket:
    """The market, sessions and parameters that all processes share and only read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def sessions(self) -> SessionTable:
        return SessionTable.load()

    @cached_property
    def market(self) -> Store:
        return Store(self._folder, self.sessions)

    @cached_property
    def parameters(self) -> Parameters:
        return with_changes(Parameters(), dict(SETTINGS))

    @cached_property
    def readings(self) -> Readings:
        return Readings(self.market, self.parameters)


class DrillProcess:
    """One simulated process, with its own connections, clock and owner.

    `dead`: to other processes it looks dead from its start, otherwise only after its death. `later`: it begins after all current
    leases have expired. With `conditions.through` it trades through an adapter (`remote`).
    """

    def __init__(
        self,
        workspace: Workspace,
        exchange: SharedMarket,
        conditions: Conditions,
        at: datetime,
        *,
        crash_point: CrashPoint | None = None,
        dead: bool = True,
        later: bool = False,
    ) -> None:
        self.clock = LaterClock(at) if later else StoppedClock(at)
        self.crash_point = crash_point or CrashPoint()
        self._workspace = workspace
        self.ledger = Ledger(workspace.ledger, USER)
        self._near = self._exchange(exchange.market, conditions, self.clock, self.crash_point)
        self._through = conditions.through
        self._hidden = unseen(conditions.faults)
        self._line = self._called(exchange, conditions) if self._through else None
        self.world = drill_world(
            self.ledger,
            self.clock,
            exchange.market,
            self._line.broker if self._line is not None else self.broker,
            parameters=exchange.parameters,
            readings=exchange.readings,
        )
        workspace.watch.crash_point = self.crash_point
        self.silent: list[str] = []
        owner = dead_owner() if dead else current_identity()
        self.runner = Runner(self.world, all_tasks(), trigger="simulate", owner=owner, progress=self._stepped)

    @cached_property
    def broker(self) -> FaultyBroker:
        """Return the exchange itself. A process that trades through an adapter closes its connection first."""
        if self._line is not None:
            self._line.close()
        return self._near()

    @cached_property
    def _without_calls(self) -> FaultyBroker:
        """Return the exchange for the drill's own reads, which have no faults and do not count as calls of the process."""
        return self._near() if self._line is not None else self.broker

    def _stepped(self, task: Task, _now: datetime, outcome: Outcome) -> None:
        """After each step of the sell monitor, add to `silent` what the exchange shows and the program did not report."""
        if task.name == MONITOR:
            self.silent += silent(self.world, self._without_calls.exchange, outcome, self._hidden)

    @property
    def hits(self) -> Counter[Fault]:
        """Return how often each fault happened."""
        return self._line.hits if self._line is not None else self.broker.hits

    @property
    def troubles(self) -> list[str]:
        """Return the tracebacks of bugs in the sandbox."""
        return self._line.broken if self._line is not None else []

    def truth(self) -> Truth:
        """Return the exchange's book, in the adapter's form, after all late requests have reached the exchange."""
        self.broker.deliver_all()
        truth = self.broker.truth()
        return sandbox_entry(self._through).as_reported(truth, self.ledger.book.orders()) if self._through else truth

    def end(self) -> None:
        """Close the connections, as the operating system does at the end of a process."""
        self._workspace.watch.crash_point = None
        self._workspace.ledger.close()
        if self._line is not None:
            self._line.close()
        if self._line is not None and "_without_calls" in self.__dict__:
            self._without_calls.close()
        if "broker" in self.__dict__:
            self.broker.close()

    def _exchange(
        self, market: Store, conditions: Conditions, clock: Clock, on_call: Callable[[str], None]
    ) -> Callable[[], FaultyBroker]:
        return drill_exchange(
            self._workspace.folder / PAPER,
            self.ledger,
            clock,
            market,
            faults=conditions.faults,
            promise=conditions.promise,
            seed=conditions.seed,
            step=MONITOR_EVERY,
            on_call=on_call,
            witnessed=not conditions.through,
        )

    def _called(self, exchange: SharedMarket, conditions: Conditions) -> remote.SandboxLink:
        return remote.SandboxLink(
            conditions.through,
            self._exchange(exchange.market, conditions, remote.ServerClock(self.clock), lambda _: None),
            self.clock,
            exchange.market,
            exchange.sessions,
            user=USER,
            memory=self._workspace.folder / SERVER,
            lists=self._workspace.folder.with_name(f"lists-{conditions.through}"),
            on_call=self.crash_point,
        )


def create_account(workspace: Workspace, at: datetime, strategy: Strategy | None = None) -> None:
    """Create the account in an empty workspace. It uses an own strategy for all its capital, or the shipped rule."""
    database = workspace.ledger
    create_or_upgrade(database)
    ledger = Ledger(database, USER)
    with database.write():
        ledger.users.add(USER, capital=CAPITAL, created_at=at, role="admin")
        ledger.schedules.seed(all_tasks())
        for task, times in SCHEDULE.items():
            ledger.schedules.set(task, times=times)
        ledger.schedules.set("sell-monitor", every=MONITOR_EVERY * 60)
        for key, value in SETTINGS.items():
            ledger.settings.set(key, value)
        ledger.info.set("created_at", at.isoformat())
        ledger.info.set("clock", "virtual")
        ledger.info.set("mode", "simulated")
        if strategy is not None:
            ledger.strategies.store(StoredStrategy(strategy.hash, strategy.name, strategy.form, strategy.text), at)
            ledger.strategies.record_check(StoredCheck(strategy.hash, strategy.name, True, at, {}))
            ledger.strategies.use(UsedStrategy(strategy.name, strategy.hash, Decimal(1)), at)
    database.close()


TASKS = {task.name: task for task in all_tasks() if not task.real_time}
TRIED_AGAIN = frozenset({5, 6, 7, 8})
"""Exit codes after which the same command runs again a minute later."""
MINUTE = timedelta(minutes=1)
MAX_TRIES = 12
"""The most tries of one step. They take longer than any fault lasts."""


def play_step(process: DrillProcess, step: DrillStep) -> Report:
    """Run a step now, or at its time if that is later; return the last report.

    As cron does, repeat the step each minute while the broker is down, until the step's window closes.
    """
    clock = process.clock
    if clock.now() < step.at:
        clock.move_to(step.at)
    report = _run(process, step)
    tries = 1
    while _may_pass(report) and tries < MAX_TRIES and clock.now() + MINUTE < step.closes:
        clock.sleep(MINUTE.total_seconds())
        report = _run(process, step)
        tries += 1
    return report


def _may_pass(report: Report) -> bool:
    return report.exit_code in TRIED_AGAIN and report.outcome != "completed"


def _run(process: DrillProcess, step: DrillStep) -> Report:
    until = step.until if step.until is not None and step.until > process.clock.now() else None
    past = step.until is not None and until is None
    return process.runner.run(TASKS[step.task], session=step.session, until=until, once=past)
