"""A life: a process that works on a ground. The next one is another process, for whom this one is dead.

Lives of one process follow each other quickly, so each claims under an owner whose process is not running any more: that is how a
killed process looks to the next one. A life that is only stopped has an owner that lives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path

from tradectl import bootstrap
from tradectl.brokers.faulty import Fault, FaultyBroker, Promise, Truth
from tradectl.clock import VirtualClock
from tradectl.drill import afar
from tradectl.drill.days import MONITOR_EVERY, SCHEDULE, SETTINGS
from tradectl.drill.ground import PAPER, SERVER, Ground
from tradectl.drill.silence import silent, unseen
from tradectl.drill.trip import Killed, Trip
from tradectl.drill.ways import way
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.process_identity import current_identity, split_identity
from tradectl.ledger.store import Ledger
from tradectl.marketdata.store import Store
from tradectl.ports import Clock
from tradectl.runtime.exposure import MONITOR
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.screener.readings import Readings
from tradectl.strategy.parameters import Parameters, with_changes
from tradectl.task import Outcome, Task

USER = "drill"
CAPITAL = 500_000_00
LEASE_OVER = timedelta(minutes=5)
"""How far ahead the machine's clock is for a life that comes after a stopped one."""
_lives = count(1)


def dead_owner() -> str:
    """An owner of this machine and boot whose process is proved dead."""
    host, boot, pid, start = split_identity(current_identity())
    return f"{host}:{boot}:{pid}:{start}.{next(_lives)}"


class LastClock(VirtualClock):
    """The clock of a process that will be stopped: once it is awake again its life ends where it would wait, for real time has
    gone on without it, and is not led ahead by it."""

    awake = False

    def sleep(self, seconds: float) -> None:
        if self.awake:
            raise Killed
        super().sleep(seconds)


class LaterClock(LastClock):
    """A virtual clock of somebody who comes when every lease of now has ended."""

    def machine_now(self) -> datetime:
        return super().machine_now() + LEASE_OVER


@dataclass(frozen=True, slots=True)
class Conditions:
    """What goes wrong at the exchange, what its adapter promises, and the seed of it all. `through`: the broker whose adapter and
    sandbox stand in between; empty for none."""

    faults: frozenset[Fault]
    promise: Promise
    seed: int
    through: str = ""


PEACE = Conditions(frozenset(), Promise.REFUSES, 0)


def peace(through: str) -> Conditions:
    """Nothing goes wrong, at a broker that promises what it does."""
    return Conditions(frozenset(), afar.promise_of(through), 0, through) if through else PEACE


class Exchange:
    """The market that every life of this process shares, since nobody writes to it."""

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


class Life:
    """One process at work: its own connections, its own clock, its own name. `dead`: to others it looks as if it had died; so it
    does as soon as it has. `later`: it comes when every lease of now has ended. With `conditions.through` it trades from afar."""

    def __init__(
        self,
        ground: Ground,
        exchange: Exchange,
        conditions: Conditions,
        at: datetime,
        *,
        trip: Trip | None = None,
        dead: bool = True,
        later: bool = False,
    ) -> None:
        self.clock = LaterClock(at) if later else LastClock(at)
        self.trip = trip or Trip()
        self._ground = ground
        self.ledger = Ledger(ground.ledger, USER)
        self._near = self._exchange(exchange.market, conditions, self.clock, self.trip)
        self._through = conditions.through
        self._hidden = unseen(conditions.faults)
        self._line = self._called(exchange, conditions) if self._through else None
        self.world = bootstrap.drill_world(
            self.ledger,
            self.clock,
            exchange.market,
            self._line.broker if self._line is not None else self.broker,
            parameters=exchange.parameters,
            readings=exchange.readings,
        )
        ground.watch.trip = self.trip
        self.silent: list[str] = []
        owner = dead_owner() if dead else current_identity()
        self.runner = Runner(self.world, all_tasks(), trigger="simulate", owner=owner, progress=self._stepped)

    @cached_property
    def broker(self) -> FaultyBroker:
        """The exchange itself. A life that trades from afar has hung up before anybody asks for it."""
        if self._line is not None:
            self._line.hang_up()
        return self._near()

    @cached_property
    def _onlooker(self) -> FaultyBroker:
        """The exchange, for a look past its faults that the life knows nothing of and that costs it no call."""
        return self._near() if self._line is not None else self.broker

    def _stepped(self, task: Task, _now: datetime, outcome: Outcome) -> None:
        """After each step of the sell monitor: `silent` has what the exchange knows and the program did not report."""
        if task.name == MONITOR:
            self.silent += silent(self.world, self._onlooker.exchange, outcome, self._hidden)

    @property
    def hits(self) -> Counter[Fault]:
        """How often each fault happened."""
        return self._line.hits if self._line is not None else self.broker.hits

    @property
    def troubles(self) -> list[str]:
        """Bugs that were met at the other end of the line."""
        return self._line.broken if self._line is not None else []

    def truth(self) -> Truth:
        """What the exchange has in the end, when everything has arrived there, in the words in which the life hears of it."""
        self.broker.deliver_all()
        truth = self.broker.truth()
        return way(self._through).as_told(truth, self.ledger.book.orders()) if self._through else truth

    def end(self) -> None:
        """Close what the operating system would have closed."""
        self._ground.watch.trip = None
        self._ground.ledger.close()
        if self._line is not None:
            self._line.hang_up()
        if self._line is not None and "_onlooker" in self.__dict__:
            self._onlooker.close()
        if "broker" in self.__dict__:
            self.broker.close()

    def _exchange(
        self, market: Store, conditions: Conditions, clock: Clock, on_call: Callable[[str], None]
    ) -> Callable[[], FaultyBroker]:
        return bootstrap.drill_exchange(
            self._ground.folder / PAPER,
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

    def _called(self, exchange: Exchange, conditions: Conditions) -> afar.Line:
        return afar.Line(
            conditions.through,
            self._exchange(exchange.market, conditions, afar.FarClock(self.clock), lambda _: None),
            self.clock,
            exchange.market,
            exchange.sessions,
            user=USER,
            memory=self._ground.folder / SERVER,
            lists=self._ground.folder.with_name(f"lists-{conditions.through}"),
            on_call=self.trip,
        )


def found(ground: Ground, at: datetime) -> None:
    """A new account on a new ground."""
    database = ground.ledger
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
    database.close()
