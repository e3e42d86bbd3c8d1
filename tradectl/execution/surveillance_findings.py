"""Report held stocks on a surveillance list: their sells go on, buys and re-entries stop."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tradectl.ledger.rows import Position
from tradectl.model.message_kind import MessageKind
from tradectl.ports import Clock

if TYPE_CHECKING:
    from tradectl.execution.trading_session import TradingSession


def known_by_morning(session: date, clock: Clock) -> date:
    """Return the newest date whose lists count on the morning of a session.

    A list has no hour of publication. In live trading every imported list counts. In a simulation a list counts from the evening
    of its date, as in the backtest.
    """
    return session - timedelta(days=1) if clock.virtual else session


def report_watched_positions(trading: TradingSession, positions: Iterable[Position], day: date) -> None:
    """Log and send one message for each position that an excluding list names on a date. A repeated call sends none."""
    held = list(positions)
    if not held:  # a home without market data has nothing to look up
        return
    surveillance = trading.market.surveillance(day)
    for position in held:
        found = surveillance.excluding(position.instrument_id)
        if not found:
            continue
        text = f"{position.quantity} {position.symbol} are held, and it is under surveillance ({found})"
        message = f"{text}: its sells go on, nothing more of it is bought. `tradectl why {position.symbol}` shows the decisions"
        stages = surveillance.stages(position.instrument_id)
        if trading.notify(
            f"{position.symbol} is under surveillance",
            message,
            f"surveillance:{position.instrument_id}:{stages}",
            MessageKind.NOTICE,
        ):
            trading.log("surveillance", message, position.symbol, level="warning")
