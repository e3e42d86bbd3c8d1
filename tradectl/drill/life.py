"""A life: a process that works on a ground. The next one is another process, for whom this one is dead.

Lives of one process follow each other quickly, so each claims under an owner whose process is not running any more: that is how a
killed process looks to the next one. A life that is only stopped has an owner that lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path

from tradectl import bootstrap
from tradectl.brokers.faulty import Fault, Promise
from tradectl.clock import VirtualClock
from tradectl.drill.days import MONITOR_EVERY, SCHEDULE, SETTINGS
from tradectl.drill.ground import Ground
from tradectl.drill.trip import Killed, Trip
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.owner import parts, this_owner
from tradectl.ledger.store import Ledger
from tradectl.marketdata.store import Store
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.strategy.parameters import Parameters, with_changes
from tradectl.strategy.readings import Readings

USER = "drill"
CAPITAL = 500_000_00
LEASE_OVER = timedelta(minutes=5)
"""How far ahead the machine's clock is for a life that comes after a stopped one."""
_lives = count(1)


def dead_owner() -> str:
    """An owner of this machine and boot whose process is proved dead."""
    host, boot, pid, start = parts(this_owner())
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
    """What goes wrong at the exchange, what its adapter promises, and the seed of it all."""

    faults: frozenset[Fault]
    promise: Promise
    seed: int


PEACE = Conditions(frozenset(), Promise.REFUSES, 0)


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
    does as soon as it has. `later`: it comes when every lease of now has ended."""

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
        self.world, self.broker = bootstrap.open_drill(
            self.ledger,
            self.clock,
            exchange.market,
            ground.folder,
            parameters=exchange.parameters,
            readings=exchange.readings,
            faults=conditions.faults,
            promise=conditions.promise,
            seed=conditions.seed,
            step=MONITOR_EVERY,
            on_call=self.trip,
        )
        ground.watch.trip = self.trip
        self.runner = Runner(self.world, all_tasks(), trigger="simulate", owner=dead_owner() if dead else this_owner())

    def end(self) -> None:
        """Close what the operating system would have closed."""
        self._ground.watch.trip = None
        self._ground.ledger.close()
        self.broker.exchange.close()  # type: ignore[attr-defined]


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
