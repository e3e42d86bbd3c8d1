"""Declare tasks: a task is a declaration and a function from a context to an outcome.

Every start of the program reads the declarations of all tasks and runs few of them. So a task is a package: `__init__` declares
it, and its module `step` is loaded when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from tradectl.errors import BrokerUnavailable, TradectlError
from tradectl.lazy import resolved
from tradectl.ports import ListsOrderRules, Tell, silence

if TYPE_CHECKING:
    from datetime import datetime

    from tradectl.exchange.sessions import SessionTable
    from tradectl.execution.trading_session import TradingSession
    from tradectl.execution.unreadable_row_findings import OddSymbol
    from tradectl.ledger.executions import Claim
    from tradectl.ledger.rows import Decision
    from tradectl.ledger.store import Ledger
    from tradectl.model.freshness import Freshness
    from tradectl.model.order import Purpose
    from tradectl.ports import Broker, Clock, DataFeed, HaltMarker, MarketData, Notifier
    from tradectl.screener.readings import Readings
    from tradectl.strategy.parameters import Parameters


T = TypeVar("T")
RETRIES = "premarket-retry"
"""The task that retries buys that could not be placed."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside a task, for one user. `bootstrap` fills it: live, paper or simulated. `prices_of`: the broker on whose
    live prices a paper home trades, empty for none. `feeds`: the market data that `prices` keeps current, in the order in which
    they are fetched; `freshness`: the record of each kind. A world of the past has neither."""

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
    feeds: Callable[[], Sequence[DataFeed]] = tuple
    freshness: Callable[[], Mapping[str, Freshness]] = dict

    def close(self) -> None:
        """Close the files."""
        self.ledger.database.close()


def _go_on() -> None:
    """Never end the work early."""


@dataclass(slots=True, eq=False)
class Context:
    """The argument of a task: the world, the run and the claim that allows it to send orders.

    `steps`: the steps of this execution done before, by this process or an earlier owner. `first`: whether this is the first
    step of this process. Both are set at the beginning of a step. `progress` reports how far long work is; `look` raises where
    the process is asked to end. `trading_sessions` and `parts` hold what the steps of a run share: its trading session, and one
    object of each further type (`part`).
    """

    world: World
    session: date
    slot: str
    claim: Claim
    dry_run: bool = False
    steps: int = 0
    first: bool = True
    progress: Tell = silence
    look: Callable[[], None] = _go_on
    trading_sessions: list[TradingSession] = field(default_factory=list, repr=False)
    parts: dict[type[Any], Any] = field(default_factory=dict, repr=False)

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def begin_step(self, steps: int, first: bool) -> None:
        """Begin a step of the run after `steps` others. Clear what the last step left: what a halt blocked, and
        the cancels that could not be sent."""
        self.steps, self.first = steps, first
        for trading in self.trading_sessions:
            trading.path.stopped = ""
            trading.path.not_cancelled.clear()

    def part(self, kind: type[T], make: Callable[[], T]) -> T:
        """Return the run's object of a type; it is made by the first step that needs it."""
        found: T | None = self.parts.get(kind)
        if found is None:
            found = self.parts[kind] = make()
        return found

    def forget(self) -> None:
        """Drop what was read before, so that the next step starts like a new process."""
        self.trading_sessions.clear()
        self.parts.clear()

    def trading(self) -> TradingSession:
        """Return the trading session of this run: broker, book and order path. It is made on the first call."""
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
        last_retry, level_of = partial(_last_retry, world.ledger), partial(_level_of, world)
        broker = resolved(world.broker)  # a check of a Protocol does not see through a proxy in Python 3.12 and later
        return TradingSession(
            broker=world.broker,
            book=book,
            market=world.market,
            clock=world.clock,
            path=path,
            log=self.log,
            notify=self.notify,
            dry_run=self.dry_run,
            last_retry=last_retry,
            level_of=level_of,
            rules=broker if isinstance(broker, ListsOrderRules) else None,
        )

    def blocked_commands(self) -> tuple[str, Sequence[BrokerUnavailable]]:
        """Return why a person's halt blocked a command in this step (empty where none was blocked), and the cancels that could
        not reach the broker, for orders that are still live."""
        stopped, failed = "", dict[int, str]()
        for trading in self.trading_sessions:
            stopped = stopped or trading.path.stopped
            failed |= trading.path.not_cancelled
        return stopped, self._not_cancelled(failed) if failed else ()

    def _not_cancelled(self, failed: Mapping[int, str]) -> Sequence[BrokerUnavailable]:
        """Return the cancels that failed, by order id with the reason, of orders that are still live."""
        orders = self.world.ledger.book.orders(ids=list(failed))
        alive = [(f"{order.side} {order.symbol}, order {order.id},", failed[order.id]) for order in orders if order.alive]
        return [BrokerUnavailable(f"{what} is not cancelled and may trade: {why}") for what, why in alive]

    def unresolved(self) -> tuple[int, float | None]:
        """Return the number of UNKNOWN orders of the user, and the seconds until the next check (None: a check soon
        would not help). A run without a trading session has sent nothing."""
        return self.trading_sessions[0].unresolved() if self.trading_sessions else (0, None)

    def odd_rows(self, before: Mapping[str, OddSymbol] | None) -> tuple[Sequence[OddSymbol], Sequence[OddSymbol]]:
        """Store and announce the broker's rows that this run could not read; return them, and the new ones.

        `before`: those of the step before; None in the first step of a process, which compares with the stored ones."""
        if self.dry_run or not (self.trading_sessions or before):
            return (), ()
        book = self.world.ledger.book
        if not before and not book.broker.odd and (before is not None or self.world.mode != "live"):
            return (), ()
        from tradectl.execution import unreadable_row_findings

        wanted = {symbol for trading in self.trading_sessions for symbol in trading.path.stopped_symbols}
        found = unreadable_row_findings.collect(self.world.ledger, wanted)
        if before is None:
            before = unreadable_row_findings.load(self.world.ledger, self.session)
        return found, unreadable_row_findings.save(self.world.ledger, self.session, self.now, found, before)

    def log(self, action: str, message: str, symbol: str = "", level: str = "info") -> None:
        """Write a line with the task's name to the user's log."""
        if not self.dry_run:
            self.world.ledger.logs.append(self.now, level, action, message, task=self.claim.task, symbol=symbol)

    def decided(self) -> dict[str, str]:
        """Return the verdicts by instrument that this run has recorded, also in an earlier process that died."""
        return {} if self.dry_run else self.world.ledger.decisions.verdicts(self.claim.task, self.session, self.slot)

    def notify(self, title: str, body: str, key: str) -> bool:
        """Queue a message for the user, sent after this run; return whether its key is new. A known key is not sent again."""
        return not self.dry_run and self.world.ledger.outbox.add(self.now, title, body, key)

    def decide(self, decisions: Iterable[Decision]) -> None:
        """Store decisions with their rules and inputs, for `why`."""
        if not self.dry_run:
            self.world.ledger.decisions.record(self.claim.task, self.session, self.slot, decisions, self.now)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a task runs, in IST. One time: slot `""`. Several times: a slot `HH:MM` each.

    `until` is where the last window closes; None: at the session's last fill. `each_until_next`: a slot's window closes at
    the next slot's start (hourly monitors). `first_until`: where the window of the first of several slots closes, if not there.
    `every`: seconds between the steps of a continuous task; None for a task that is
    done after one step.
    """

    at: tuple[time, ...]
    until: time | None
    every: int | None = None
    each_until_next: bool = False
    first_until: time | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one step of a task.

    Attributes:
        result: Its counts, as JSON values.
        again_after: The seconds after which to call the step again.
        refused: The number of refused orders (exit 11).
        unknown: The number of UNKNOWN orders (exit 7).
        changed: False for a step that changed nothing; only its heartbeat is then written.
        blocked: What must be done first (exit 9).
        unprotected: A line for each position without a live sell order that needs a person (exit 11).
        missing: The errors of data that did not come. The run ends as failed with the gravest of their codes, keeps its result,
            and is tried again in its window.
    """

    result: Mapping[str, Any] = field(default_factory=dict)
    again_after: float | None = None
    refused: int = 0
    unknown: int = 0
    changed: bool = True
    blocked: str = ""
    unprotected: tuple[str, ...] = ()
    missing: tuple[TradectlError, ...] = ()


def _last_retry(ledger: Ledger) -> time | None:
    """Return the time of the day's last start of RETRIES; None where it is disabled."""
    times = [at for row in ledger.schedules.list() if row.task == RETRIES and row.enabled for at in row.times]
    return max(times, default=None)


def _level_of(world: World, purpose: Purpose, instrument_id: str, decided: date) -> int:
    """Return the RSI level that a lost buy used, computed from the bars; 0 where there is no bar."""
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
    """A task of the day.

    `needs`: tasks that must have completed in the same session first. `buys`: it prepares or places buys, so it does not run on
    a provisional session. `sends`: it may send orders. `real_time`: it works on what is published today, so it is no part of a
    day on a virtual clock. `asks_broker`: it needs a session at the broker."""

    name: str
    summary: str
    schedule: Schedule
    run: Callable[[Context], Outcome]
    needs: tuple[str, ...] = ()
    merge: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Merges the results of several steps of one execution; None: the last step's result counts."""
    switches: tuple[str, ...] = ()
    """On/off settings of the user that the command also offers as options, for one run."""
    buys: bool = False
    sends: bool = False
    real_time: bool = False
    asks_broker: bool = True

    def runs_on(self, clock: Clock) -> bool:
        """Return whether the task is a part of the day on this clock."""
        return not (self.real_time and clock.virtual)

    @property
    def repeatable(self) -> bool:
        """Return whether a run that completed while the clock was ahead is repeated at its true time.

        A monitor (each step corrects the orders) and a task that sends no order are repeated. Other tasks are not.
        """
        return self.schedule.every is not None or not self.sends


def step_of(package: str) -> Callable[[Context], Outcome]:
    """Return a function that loads the package's module `step` and calls its `run`."""

    loaded = cache(lambda: import_module(f"{package}.step"))

    def run(context: Context) -> Outcome:
        outcome: Outcome = loaded().run(context)
        return outcome

    return run
