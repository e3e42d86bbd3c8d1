"""Revalidate in the morning the buys that were decided in the evening.

By then the final bars of the last session are published. Each buy is checked again on these bars by its own rule.
`premarket-retry` does this for buys that could not be placed, `amo-adjust` for buys that waited for the exchange to open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Protocol

from msgspec import Struct

from tradectl.execution.buying import DayResult, breached_limit
from tradectl.execution.own_strategies import BuyWorld, OwnBuys
from tradectl.execution.position_rules import PositionRules, RulesMissing
from tradectl.execution.reentries import distrusted, level_now
from tradectl.execution.session_close import Close, session_closes
from tradectl.execution.strategy_shares import StrategyShares
from tradectl.execution.surveillance_findings import known_by_morning
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Order, Position
from tradectl.model.history import History
from tradectl.model.market import Instrument, bars_entry
from tradectl.model.order import Purpose, Side
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.model.rule_names import REVERSION
from tradectl.screener.readings import Readings
from tradectl.strategy import entry
from tradectl.strategy.features import Reading
from tradectl.strategy.parameters import Parameters


class RevalidationWorld(BuyWorld, Protocol):
    """The parts of a task's world that a revalidation needs."""

    @property
    def readings(self) -> Readings: ...


class BuyRevalidation(Struct, frozen=True):
    """Checks the buys of one session on final bars.

    Attributes:
        session: The session of the buys.
        seen: The closes by instrument id and deciding session.
        own: What own strategies decided, on final bars.
        held: The rules of positions of own strategies.
        shares: The strategies' shares of the capital.
    """

    trading: TradingSession
    readings: Readings
    parameters: Parameters
    session: date
    seen: Mapping[tuple[str, date], Close]
    own: OwnBuys
    shares: StrategyShares
    held: PositionRules

    @classmethod
    def of(cls, trading: TradingSession, world: RevalidationWorld, session: date, orders: Iterable[Order]) -> BuyRevalidation:
        """Return the revalidation of these orders, with the closes that they were decided on."""
        orders = list(orders)
        by_day: dict[date, list[str]] = {}
        for order in orders:
            by_day.setdefault(order.decided, []).append(order.instrument_id)
        seen: dict[tuple[str, date], Close] = {}
        for decided, ids in sorted(by_day.items()):
            found = session_closes(
                ids,
                decided,
                broker=trading.broker,
                market=trading.market,
                readings=world.readings,
                clock=trading.clock,
                sessions=world.sessions,
            )
            seen |= {(instrument_id, decided): close for instrument_id, close in found.items()}
        return cls(
            trading,
            world.readings,
            world.parameters,
            session,
            seen,
            own=OwnBuys.before(world, orders, session),
            shares=StrategyShares.of(world.ledger, world.ledger.signals_owner(world.parameters.signals_from)),
            held=PositionRules(world.ledger.book, world.ledger.strategies, world.market, world.parameters.universe),
        )

    def close_of(self, order: Order) -> Close:
        """Return the close on which an order was decided."""
        return self.seen[order.instrument_id, order.decided]

    def refusal_on_final_bars(self, order: Order) -> Refusal | None:
        """Return why a buy is no longer valid; None if it is valid, or if there is no final bar."""
        close = self.close_of(order)
        actions = self.trading.market.actions(order.instrument_id, order.decided, self.session)
        if any(bars_entry(action) for action in actions):
            return Refusal(RefusalCode.EX_DATE, f"ex-date: {actions[0].subject or actions[0].kind}")
        known = known_by_morning(self.session, self.trading.clock)
        watched = self.trading.market.surveillance(known).excluding(order.instrument_id)
        if watched:
            return Refusal(RefusalCode.SURVEILLANCE, f"under surveillance: {watched}")
        if close.reading is None or close.history is None:
            return None
        untrusted = distrusted(self.trading.market, close.history.through(order.decided), self.session)
        if untrusted:
            return Refusal(RefusalCode.UNTRUSTED_PRICES, f"final bar: {untrusted}")
        if order.purpose is Purpose.REENTRY:
            position = self.trading.snapshot.position_of(order.instrument_id)
            if position is None:
                return Refusal(RefusalCode.POSITION_CLOSED, "the position is closed")
            if order.strategy != REVERSION:
                return self._own_reentry_refusal(order, position, close.history)
            if level_now(position, close.reading, close.history, self.readings, self.parameters):
                return None
            text = f"final bar: RSI {close.reading.rsi:.2f} is no longer below its level"
            return Refusal(RefusalCode.LEVEL_LEFT, text)
        if order.strategy != REVERSION:
            return self._own_refusal(order, close.reading, close.instrument)
        failed = entry.refusal(close.reading, self.parameters, next_session_bars_entry=False)
        failed = failed or entry.exclusion(close.reading, close.instrument, self.parameters)
        return Refusal(RefusalCode.ENTRY_RULE, f"final bar: fails {failed}") if failed is not None else None

    def _own_refusal(self, order: Order, reading: Reading, instrument: Instrument) -> Refusal | None:
        """Return why an entry of an own strategy is no longer valid on the final bar that decided it."""
        decided = self.own.of(order)
        if decided is None:
            return Refusal(RefusalCode.ENTRY_RULE, f"{order.strategy}: {self.own.trouble(order)}")
        failed = entry.exclusion(reading, instrument, self.parameters, isins=decided.rules.isins)
        if failed is not None:
            return Refusal(RefusalCode.ENTRY_RULE, f"final bar: fails {failed}")
        text = f"final bar: the entry condition of {order.strategy} is not true"
        return None if decided.holds else Refusal(RefusalCode.ENTRY_RULE, text)

    def _own_reentry_refusal(self, order: Order, position: Position, history: History) -> Refusal | None:
        """Return why a re-entry of an own strategy is no longer valid on the final bar that decided it."""
        index = history.index(order.decided)
        if index is None:
            return Refusal(RefusalCode.LEVEL_LEFT, f"no bar of {order.decided}")

        def through(name: str) -> History | None:
            found = self.trading.market.history(name)
            return found.through(order.decided) if found is not None else None

        rules = self.held.of(position, through, scale=float(history.multiplier[index]), day=order.decided)
        if isinstance(rules, RulesMissing):
            return Refusal(RefusalCode.LEVEL_LEFT, rules.reason)
        text = f"final bar: the re-entry condition of {order.strategy} is not true"
        return None if rules.reentry_level else Refusal(RefusalCode.LEVEL_LEFT, text)

    def refusal_to_send(self, order: Order) -> Refusal | None:
        """Return why a buy that is not at the broker is no longer wanted; None if it is still wanted."""
        snapshot = self.trading.snapshot
        refusal = self.refusal_on_final_bars(order)
        if refusal is None and order.purpose is not Purpose.REENTRY and snapshot.position_of(order.instrument_id) is not None:
            refusal = Refusal(RefusalCode.ALREADY_HELD, "held")
        if refusal is None and any(other.id != order.id for other in snapshot.alive(order.instrument_id, Side.BUY)):
            refusal = Refusal(RefusalCode.OTHER_ORDER, "another order for it is alive")
        return refusal

    def breached_limit(self, order: Order, quantity: int, day: DayResult) -> Refusal | None:
        """Return the limit that a buy of this many shares would breach; None if there is none."""
        close = self.close_of(order)
        last = self.readings.reading(order.instrument_id, self.session - timedelta(days=1)) or close.reading
        found = breached_limit(
            self.trading,
            self.parameters,
            day,
            instrument_id=order.instrument_id,
            session=self.session,
            price=order.price,
            quantity=quantity,
            last_close=last.close if last is not None else order.price,
            reentry=order.purpose is Purpose.REENTRY,
        )
        return found or self.shares.refusal(self.trading, day, order, quantity, order.price)


def priority(order: Order) -> tuple[int, int]:
    """Return the sort key of buys: re-entries first, then entries as they were recorded, which is by rank."""
    return (0 if order.purpose is Purpose.REENTRY else 1, order.id)
