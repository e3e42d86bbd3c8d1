"""What the strategy wants for the next session, before limits and funds: more of what is held, and what it has signals for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tradectl.exchange.ticks import round_down
from tradectl.execution.reentries import wanted
from tradectl.execution.session_close import closes
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Position
from tradectl.model.money import to_rupees
from tradectl.model.order import Purpose
from tradectl.strategy.exits import entry_limit
from tradectl.task import Context


@dataclass(frozen=True, slots=True)
class Want:
    """A buy that the strategy wants, before limits and funds. Prices and turnover in paise. `distrusted`: why the prices that it
    rests on cannot be trusted, else empty."""

    instrument_id: str
    symbol: str
    purpose: Purpose
    limit_price: int
    last_close: int
    average_turnover: int
    level: int
    leg: str
    position_id: int | None = None
    signal_id: int | None = None
    distrusted: str = ""

    @property
    def inputs(self) -> dict[str, object]:
        """What a decision about it rests on, for `why`."""
        return {
            "limit_price": to_rupees(self.limit_price),
            "last_close": to_rupees(self.last_close),
            "average_turnover": to_rupees(self.average_turnover),
            "level": self.level,
        }


def wants(context: Context, trading: TradingSession, positions: tuple[Position, ...], following: date) -> Iterator[Want]:
    """For the session `following`, after that of the context: re-entries of what is held, then the signals by rank."""
    world = context.world
    parameters = world.parameters
    seen = closes(
        [item.instrument_id for item in positions],
        context.session,
        broker=world.broker,
        market=world.market,
        readings=world.readings,
        clock=world.clock,
        sessions=world.sessions,
    )
    yield from (_without_bar(position) for position in positions if seen[position.instrument_id].reading is None)
    for again in wanted(positions, seen, world.readings, parameters, market=world.market, following=following):
        position = again.position
        tick = trading.tick_size(position.instrument_id, following)
        yield Want(
            position.instrument_id,
            position.symbol,
            Purpose.REENTRY,
            entry_limit(again.reading.close, tick, parameters),
            again.reading.close,
            again.reading.average_turnover,
            again.level,
            f"P{position.id}:{position.buys + 1}",
            position.id,
            distrusted=again.distrusted,
        )
    for signal in world.ledger.signals.for_session(following, of_user=signals_owner(context)):
        yield Want(
            signal.instrument_id,
            signal.symbol,
            Purpose.ENTRY,
            round_down(signal.limit_price, trading.tick_size(signal.instrument_id, following)),
            signal.close,
            signal.average_turnover,
            signal.level,
            "entry:1",
            signal_id=signal.id,
        )


def signals_owner(context: Context) -> str:
    """Whose signals this user's buy uses: as set, else his own if his analyze is enabled, else the admin's."""
    return context.world.ledger.signals_owner(context.world.parameters.signals_from)


def _without_bar(position: Position) -> Want:
    """A held position of which nobody knows today whether it wants another buy."""
    return Want(position.instrument_id, position.symbol, Purpose.REENTRY, 0, 0, 0, 0, "")
