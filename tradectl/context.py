"""Define the argument of a task: the world, the run, and what the steps of the run share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tradectl.errors import BrokerUnavailable
from tradectl.lazy import resolved
from tradectl.model.message_kind import MessageKind
from tradectl.ports import silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, datetime, time

    from tradectl.execution.trading_session import TradingSession
    from tradectl.execution.unreadable_row_findings import OddSymbol
    from tradectl.ledger.executions import Claim
    from tradectl.ledger.rows import Decision, OrderOrigin
    from tradectl.ledger.store import Ledger
    from tradectl.model.order import Purpose
    from tradectl.ports import Tell
    from tradectl.world import World

T = TypeVar("T")
RETRIES = "premarket-retry"
"""The task that retries buys that could not be placed."""


def _go_on() -> None:
    """Never end the work early."""


@dataclass(slots=True, eq=False)
class Context:
    """The argument of a task: the world, the run, and the claim that allows it to send orders.

    Attributes:
        steps: The number of earlier steps of this execution, also by an earlier owner of the claim.
        first: Whether this is the first step of this process.
        progress: Called with the progress of long work.
        look: Called during long work; it raises if the process was requested to end.
        trading_sessions: The trading session that the steps of a run share, if it was made.
        parts: Further objects that the steps of a run share, one for each type (`part`).
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
        """Begin a step of the run after `steps` others. Clear the last step's blocked commands and failed cancels."""
        self.steps, self.first = steps, first
        for trading in self.trading_sessions:
            trading.path.stopped = ""
            trading.path.not_cancelled.clear()

    def part(self, kind: type[T], make: Callable[[], T]) -> T:
        """Return the run's object of type `kind`; the first call makes it."""
        found: T | None = self.parts.get(kind)
        if found is None:
            found = self.parts[kind] = make()
        return found

    def forget(self) -> None:
        """Drop the shared objects, so that the next step starts like a new process."""
        self.trading_sessions.clear()
        self.parts.clear()

    def trading(self) -> TradingSession:
        """Return the trading session of this run: broker, book and order path. The first call makes it."""
        if not self.trading_sessions:
            self.trading_sessions.append(self._made())
        return self.trading_sessions[0]

    def _made(self) -> TradingSession:
        from tradectl.execution.order_rules import BrokerOrderRules
        from tradectl.execution.orders import OrderPath
        from tradectl.execution.trade_messages import TradeMessages
        from tradectl.execution.trading_session import TradingSession
        from tradectl.strategy.own_shares import parse_own_shares

        world = self.world
        book = world.ledger.book
        messages = TradeMessages(world.ledger, self.claim.task) if world.attended and not self.dry_run else None
        path = OrderPath(
            world.broker,
            book,
            world.clock,
            world.user,
            self.claim,
            marker=world.marker,
            dry_run=self.dry_run,
            own_shares=parse_own_shares(world.parameters.own_shares),
            messages=messages,
        )
        last_retry, origin_of = partial(_last_retry, world.ledger), partial(_origin_of, world)
        broker = resolved(world.broker)  # the class of a proxy is not the broker's
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
            origin_of=origin_of,
            rules=BrokerOrderRules.of(broker, world.market, self.log),
            messages=messages,
        )

    def blocked_commands(self) -> tuple[str, Sequence[BrokerUnavailable]]:
        """Return the reason of a halt that blocked a command in this step, and the failed cancels of orders that are still live.

        The reason is empty if no command was blocked.
        """
        stopped, failed = "", dict[int, str]()
        for trading in self.trading_sessions:
            stopped = stopped or trading.path.stopped
            if trading.path.not_cancelled:
                failed |= trading.path.not_cancelled
        return stopped, self._not_cancelled(failed) if failed else ()

    def _not_cancelled(self, failed: Mapping[int, str]) -> Sequence[BrokerUnavailable]:
        """Return an error for each live order whose cancel failed. `failed`: the reasons by order id."""
        orders = self.world.ledger.book.orders(ids=list(failed))
        alive = [(f"{order.side} {order.symbol}, order {order.id},", failed[order.id]) for order in orders if order.alive]
        return [BrokerUnavailable(f"{what} is not cancelled and may trade: {why}") for what, why in alive]

    def would_send(self) -> list[dict[str, object]]:
        """Return the commands that a dry run did not send, as JSON values."""
        return [command for trading in self.trading_sessions for command in trading.path.would_send]

    def unresolved(self) -> tuple[int, float | None]:
        """Return the number of UNKNOWN orders of the user, and the seconds until the next check; None if a check would not help.

        A run without a trading session returns 0 and None, because it sent nothing.
        """
        return self.trading_sessions[0].unresolved() if self.trading_sessions else (0, None)

    def odd_rows(self, before: Mapping[str, OddSymbol] | None) -> tuple[Sequence[OddSymbol], Sequence[OddSymbol]]:
        """Store and announce the broker's unreadable rows of this run. Return all of them, and the new ones.

        `before`: those of the previous step; None in the first step of a process, which compares with the stored ones.
        """
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
        """Return the recorded verdicts of this run by instrument, also those of an earlier process that died."""
        return {} if self.dry_run else self.world.ledger.decisions.verdicts(self.claim.task, self.session, self.slot)

    def notify(self, title: str, body: str, key: str, kind: MessageKind = MessageKind.NOTICE) -> bool:
        """Queue a message that is sent to the user after this run. Return False if the key is known: it is not sent again."""
        return not self.dry_run and self.world.ledger.outbox.add(self.now, title, body, key, kind=kind)

    def decide(self, decisions: Iterable[Decision]) -> None:
        """Store decisions with their rules and inputs, for the command `why`."""
        if not self.dry_run:
            self.world.ledger.decisions.record(self.claim.task, self.session, self.slot, decisions, self.now)


def _last_retry(ledger: Ledger) -> time | None:
    """Return the last start time of the task RETRIES; None if it is disabled."""
    times = [at for row in ledger.schedules.list() if row.task == RETRIES and row.enabled for at in row.times]
    return max(times, default=None)


def _origin_of(world: World, purpose: Purpose, instrument_id: str, decided: date) -> OrderOrigin | None:
    """Return what decided a buy whose intent is lost: the position for a re-entry, the signal for an entry.

    Without a signal it is the shipped rule where no other strategy was ever chosen, else None: not known. The level of the
    shipped rule is computed from the bars; 0 without a bar.
    """
    from tradectl.execution.reentries import level_of
    from tradectl.ledger.rows import OrderOrigin
    from tradectl.model.rule_names import REVERSION

    seen = world.ledger.book.snapshot()
    position = seen.position_of(instrument_id) if purpose == "reentry" else None
    if position is not None:
        strategy, hash_ = position.strategy, position.strategy_hash
    else:
        owner = world.ledger.for_user(world.ledger.signals_owner(world.parameters.signals_from))
        found = owner.signals.decided_by(instrument_id, decided)
        if found is None and (owner.strategies.chosen() or owner.strategies.has_texts()):
            return None
        strategy, hash_ = found or (REVERSION, "")
    if strategy != REVERSION:
        return OrderOrigin(position.buys + 1 if position is not None else 1, strategy, hash_)
    level = level_of(
        purpose,
        instrument_id,
        decided,
        seen=seen,
        market=world.market,
        readings=world.readings,
        parameters=world.parameters,
    )
    return OrderOrigin(level)
