"""What a task is: a declaration, and a function of a context that answers an outcome.

Every start of the program reads the declarations of all tasks, and few do any work. So a task is a package: `__init__` declares
it, and its module `step` is loaded when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from tradectl.errors import BrokerUnavailable
from tradectl.ports import ListsOrderRules, Tell, silence

if TYPE_CHECKING:
    from datetime import datetime

    from tradectl.exchange.sessions import SessionTable
    from tradectl.execution.trading_session import TradingSession
    from tradectl.execution.unreadable_row_findings import OddSymbol
    from tradectl.ledger.executions import Claim
    from tradectl.ledger.rows import Decision
    from tradectl.ledger.store import Ledger
    from tradectl.model.order import Purpose
    from tradectl.ports import Broker, Clock, HaltMarker, MarketData, Notifier
    from tradectl.screener.readings import Readings
    from tradectl.strategy.parameters import Parameters


T = TypeVar("T")
RETRIES = "premarket-retry"
"""The task that tries again what could not be placed."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside a task, for one user. `bootstrap` fills it: live, paper or simulated. `prices_of`: the broker on whose
    live prices a paper home trades, empty for none."""

    user: str
    mode: str
    clock: Clock
    sessions: SessionTable
    market: MarketData
    broker: Broker
    ledger: Ledger
    notifier: Notifier
    parameters: Parameters
    readings: Readings
    marker: HaltMarker
    prices_of: str = ""

    def close(self) -> None:
        """Leave the files as they lie on the disk."""
        self.ledger.database.close()


@dataclass(frozen=True, slots=True)
class Context:
    """What a task is called with: the world, which run this is, and the claim that allows it to send.

    `steps` is how many steps of this execution were done before, by this process or an earlier owner; `first` is true in the
    first one that this process does. `progress` reports how far long work is. `trading_sessions` and `parts` hold what the
    steps of a run share: its trading session, and one object of each further type (`part`).
    """

    world: World
    session: date
    slot: str
    claim: Claim
    dry_run: bool = False
    steps: int = 0
    first: bool = True
    progress: Tell = silence
    trading_sessions: list[TradingSession] = field(default_factory=list, repr=False, compare=False)
    parts: dict[type[Any], Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def at_step(self, steps: int, first: bool) -> Context:
        """The same run after so many steps. (`dataclasses.replace` takes longer than many a step.)"""
        return Context(
            self.world,
            self.session,
            self.slot,
            self.claim,
            self.dry_run,
            steps,
            first,
            self.progress,
            self.trading_sessions,
            self.parts,
        )

    def part(self, kind: type[T], make: Callable[[], T]) -> T:
        """Return the run's object of a type, made at the first step that needs it."""
        found: T | None = self.parts.get(kind)
        if found is None:
            found = self.parts[kind] = make()
        return found

    def forget(self) -> None:
        """Begin the next step as a new process would: with nothing that was read before."""
        self.trading_sessions.clear()
        self.parts.clear()

    def trading(self) -> TradingSession:
        """The broker, the book and the order path of this run, made at its first step that asks."""
        if not self.trading_sessions:
            self.trading_sessions.append(self._made())
        return self.trading_sessions[0]

    def _made(self) -> TradingSession:
        from tradectl.execution.orders import OrderPath
        from tradectl.execution.trading_session import TradingSession
        from tradectl.strategy.own_shares import parse_own_shares

        world = self.world
        book = world.ledger.book
        path = OrderPath(
            world.broker,
            book,
            world.clock,
            world.user,
            self.claim,
            marker=world.marker,
            dry_run=self.dry_run,
            own_shares=parse_own_shares(world.parameters.own_shares),
        )
        last_try, level_of = partial(_last_try, world.ledger), partial(_level_of, world)
        rules = world.broker if isinstance(world.broker, ListsOrderRules) else None
        return TradingSession(
            world.broker, book, world.market, world.clock, path, self.log, self.tell, self.dry_run, last_try, level_of, rules
        )

    def begin_step(self) -> None:
        """Forget what a halt stopped, and which cancels could not be sent, in the step before."""
        for trading in self.trading_sessions:
            trading.path.stopped = ""
            trading.path.not_cancelled.clear()

    @property
    def stopped(self) -> str:
        """Why a person's halt stopped a command in this step; empty where none was stopped."""
        return next((trading.path.stopped for trading in self.trading_sessions if trading.path.stopped), "")

    @property
    def not_cancelled(self) -> Sequence[BrokerUnavailable]:
        """The cancels of this step that the broker could not be asked for, of orders that still live."""
        failed = {order_id: why for trading in self.trading_sessions for order_id, why in trading.path.not_cancelled.items()}
        if not failed:
            return ()
        orders = self.world.ledger.book.orders(ids=list(failed))
        alive = [(f"{order.side} {order.symbol}, order {order.id},", failed[order.id]) for order in orders if order.alive]
        return [BrokerUnavailable(f"{what} is not cancelled and may trade: {why}") for what, why in alive]

    def doubts(self) -> tuple[int, float | None]:
        """Return how many orders of the user are UNKNOWN, and in how many seconds to look for them again (None: that is of no
        use). A run that has asked for no trading has sent nothing."""
        return self.trading_sessions[0].doubts() if self.trading_sessions else (0, None)

    def odd_rows(self, before: Mapping[str, OddSymbol] | None) -> tuple[Sequence[OddSymbol], Sequence[OddSymbol]]:
        """Keep and announce the rows of the broker that this run could not read; return them, and those that are new.

        `before`: those of the step before; None in the first step of a process, which compares with what another kept."""
        if self.dry_run or not (self.trading_sessions or before):
            return (), ()
        book = self.world.ledger.book
        if not before and not any(book.odd.values()) and (before is not None or self.world.mode != "live"):
            return (), ()
        from tradectl.execution import unreadable_row_findings

        wanted = {symbol for trading in self.trading_sessions for symbol in trading.path.stopped_symbols}
        found = unreadable_row_findings.gathered(self.world.ledger, wanted)
        if before is None:
            before = unreadable_row_findings.known(self.world.ledger, self.session)
        return found, unreadable_row_findings.keep(self.world.ledger, self.session, self.now, found, before)

    def log(self, action: str, message: str, symbol: str = "", level: str = "info") -> None:
        """A line in the user's log, with the task that wrote it."""
        if not self.dry_run:
            self.world.ledger.logs.append(self.now, level, action, message, task=self.claim.task, symbol=symbol)

    def decided(self) -> dict[str, str]:
        """What this run has decided before, by instrument: the verdicts of a process that died in its middle."""
        return {} if self.dry_run else self.world.ledger.decisions.verdicts(self.claim.task, self.session, self.slot)

    def tell(self, title: str, body: str, key: str) -> bool:
        """A message for the user, sent after this run; a second one with the same key is the same message. Whether it is new."""
        return not self.dry_run and self.world.ledger.outbox.add(self.now, title, body, key)

    def decide(self, decisions: Iterable[Decision]) -> None:
        """Keep decisions with their rules and inputs, for `why`."""
        if not self.dry_run:
            self.world.ledger.decisions.record(self.claim.task, self.session, self.slot, decisions, self.now)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a task runs, in IST. One time: slot `""`. Several times: a slot `HH:MM` each.

    `until` is where the last window closes; None: at the session's last fill. `each_until_next`: a slot's window closes at
    the next slot's start (hourly monitors). `every`: seconds between the steps of a continuous task; None for a task that is
    done after one step.
    """

    at: tuple[time, ...]
    until: time | None
    every: int | None = None
    each_until_next: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step of a task did. `result` is its counts, as JSON values. `again_after`: call again after so many seconds.

    `refused` counts orders that were refused (exit 11), `unknown` those whose fate is not known (exit 7). `changed` is False
    for a step that changed nothing, which then writes nothing but its beat. `blocked` names what must come first (exit 9).
    `unprotected` has a line for each position that has no live sell order and needs a person (exit 11).
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    again_after: float | None = None
    refused: int = 0
    unknown: int = 0
    changed: bool = True
    blocked: str = ""
    unprotected: tuple[str, ...] = ()


def _last_try(ledger: Ledger) -> time | None:
    """When RETRIES begins for the last time in a day; None where it is disabled."""
    times = [at for row in ledger.schedules.list() if row.task == RETRIES and row.enabled for at in row.times]
    return max(times, default=None)


def _level_of(world: World, purpose: Purpose, instrument_id: str, decided: date) -> int:
    """Return the RSI level that a lost buy used, read again from the bars; 0 where there is no bar."""
    from tradectl.execution.reentries import level_of

    return level_of(
        purpose,
        instrument_id,
        decided,
        seen=world.ledger.book.snapshot(),
        market=world.market,
        readings=world.readings,
        parameters=world.parameters,
    )


@dataclass(frozen=True, slots=True)
class Task:
    """A job of the day. `needs`: tasks that must have completed in the same session first. `buys`: it prepares or places buys,
    so it does not run on a provisional session. `sends`: it may send orders."""

    name: str
    summary: str
    schedule: Schedule
    run: Callable[[Context], Outcome]
    needs: tuple[str, ...] = ()
    merge: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] | None = None
    """How the results of several steps of one execution become one; None: the last step's result stands."""
    switches: tuple[str, ...] = ()
    """On/off settings of the user that the command also offers as options, for one run."""
    buys: bool = False
    sends: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether a run that completed while the clock was ahead is done again at its true time.

        A monitor is: each step makes the actual orders equal to the desired ones. A task that sends orders once a day is not.
        """
        return self.schedule.every is not None or not self.sends


def step_of(package: str) -> Callable[[Context], Outcome]:
    """One step as the function `run` of the package's module `step` does it."""

    loaded = cache(lambda: import_module(f"{package}.step"))

    def run(context: Context) -> Outcome:
        outcome: Outcome = loaded().run(context)
        return outcome

    return run
