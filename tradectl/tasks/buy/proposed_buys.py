"""Propose the buys of the next session, before limits and funds: re-entries of held positions, then the signals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from tradectl.context import Context
from tradectl.exchange.ticks import round_down
from tradectl.execution.position_rules import PositionRules, has_own_rules
from tradectl.execution.reentries import due_reentries
from tradectl.execution.session_close import session_closes
from tradectl.execution.tags import ENTRY_LEG, reentry_leg
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Intent, OrderTerms, Position
from tradectl.model.money import to_rupees
from tradectl.model.order import Purpose, Side, Variety
from tradectl.model.rule_names import REVERSION
from tradectl.strategy.exits import entry_limit


class ProposedBuy(Struct, frozen=True):
    """A buy that the strategy proposes, before limits and funds. Prices and turnover in paise.

    Attributes:
        intent: The order, without a quantity yet.
        distrusted: Why its prices cannot be trusted; empty otherwise.
    """

    intent: Intent
    last_close: int
    average_turnover: int
    distrusted: str = ""

    @property
    def inputs(self) -> dict[str, object]:
        """Return the values that `tradectl why` shows beside the decision."""
        return {
            "limit_price": to_rupees(self.intent.price),
            "last_close": to_rupees(self.last_close),
            "average_turnover": to_rupees(self.average_turnover),
            "level": self.intent.level,
        } | own_inputs(self.intent)


def proposed_buys(
    context: Context, trading: TradingSession, positions: tuple[Position, ...], following: date, variety: Variety
) -> Iterator[ProposedBuy]:
    """Yield the buys for the session `following`: re-entries of held positions, then the signals by rank."""
    world = context.world
    parameters = world.parameters
    own = PositionRules(world.ledger.book, world.ledger.strategies, world.market, parameters.universe)
    compared = [name for item in positions if has_own_rules(item) for name in own.compared(item)]
    seen = session_closes(
        dict.fromkeys([*(item.instrument_id for item in positions), *compared]),
        context.session,
        broker=world.broker,
        market=world.market,
        readings=world.readings,
        clock=world.clock,
        sessions=world.sessions,
    )
    for position in positions:
        if seen[position.instrument_id].reading is None:  # no bar of today: a re-entry cannot be decided
            yield ProposedBuy(_reentry(position, context.session, following, variety), last_close=0, average_turnover=0)
    due = due_reentries(positions, seen, world.readings, parameters, market=world.market, following=following, own=own)
    for again in due:
        tick = trading.rules.tick_size(again.position.instrument_id, following)
        price = entry_limit(again.reading.close, tick, parameters)
        intent = _reentry(again.position, context.session, following, variety, price=price, level=again.level)
        yield ProposedBuy(intent, again.reading.close, again.reading.average_turnover, again.distrusted)
    for signal in world.ledger.signals.for_session(following, of_user=signals_owner(context)):
        price = round_down(signal.limit_price, trading.rules.tick_size(signal.instrument_id, following))
        intent = Intent(
            instrument_id=signal.instrument_id,
            symbol=signal.symbol,
            side=Side.BUY,
            purpose=Purpose.ENTRY,
            quantity=0,
            price=price,
            session=following,
            decided=context.session,
            leg=ENTRY_LEG,
            variety=variety,
            level=signal.level,
            signal_id=signal.id,
            strategy=signal.strategy,
            strategy_hash=signal.strategy_hash,
        )
        yield ProposedBuy(intent, signal.close, signal.average_turnover)


def own_inputs(buy: OrderTerms) -> dict[str, object]:
    """Return what a decision tells about the own strategy of a buy; nothing for the shipped rule."""
    return {} if buy.strategy == REVERSION else {"strategy": buy.strategy, "strategy_hash": buy.strategy_hash[:12]}


def signals_owner(context: Context) -> str:
    """Return the user whose signals are bought: as set, else the user if `analyze` is enabled, else the admin."""
    return context.world.ledger.signals_owner(context.world.parameters.signals_from)


def _reentry(position: Position, decided: date, following: date, variety: Variety, *, price: int = 0, level: int = 0) -> Intent:
    """Return the next buy of a position, without a quantity yet."""
    return Intent(
        instrument_id=position.instrument_id,
        symbol=position.symbol,
        side=Side.BUY,
        purpose=Purpose.REENTRY,
        quantity=0,
        price=price,
        session=following,
        decided=decided,
        leg=reentry_leg(position.id, position.buys + 1),
        variety=variety,
        level=level,
        position_id=position.id,
        strategy=position.strategy,
        strategy_hash=position.strategy_hash,
    )
