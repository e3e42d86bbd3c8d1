"""Find the open positions that are due another buy on a session's close."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from tradectl.execution.session_close import Close
from tradectl.ledger.rows import Position
from tradectl.ledger.snapshot import Snapshot
from tradectl.model.history import History
from tradectl.model.order import Purpose
from tradectl.ports import MarketData
from tradectl.screener.readings import Readings
from tradectl.strategy.features import Reading
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.reentry import level_at_entry, next_level
from tradectl.strategy.trusted_prices import rule_against


@dataclass(frozen=True, slots=True)
class Reentry:
    """A position whose RSI has reached the next level of its cycle. `distrusted`: why its prices cannot be trusted, or empty."""

    position: Position
    reading: Reading
    level: int
    distrusted: str = ""


def due_reentries(
    positions: tuple[Position, ...],
    seen: Mapping[str, Close],
    readings: Readings,
    parameters: Parameters,
    *,
    market: MarketData,
    following: date,
) -> Iterator[Reentry]:
    """Yield the re-entries that the RSI level requires, before limits and funds.

    A re-entry whose prices cannot be trusted carries the rule that forbids it."""
    for position in positions:
        close = seen.get(position.instrument_id)
        if close is None or close.reading is None or close.history is None or position.buys >= parameters.max_buys:
            continue
        level = level_now(position, close.reading, close.history, readings, parameters)
        if level:
            yield Reentry(
                position, close.reading, level, distrusted(market, close.history.through(close.reading.session), following)
            )


def distrusted(market: MarketData, history: History, following: date) -> str:
    """Return why the prices of an instrument cannot be trusted for a buy in the session `following`; empty where they can.
    `history` ends with the close that the buy is decided on."""
    actions = market.actions(history.instrument_id, date.min, following)
    rule, reason = rule_against(history, actions, market.panel().sessions, following)
    return f"{rule}: {reason}" if rule else ""


def level_now(position: Position, reading: Reading, history: History, readings: Readings, parameters: Parameters) -> int:
    """Return the level that a position may use on this reading's close; 0 for none."""
    rsi = readings.rsi_between(history, position.level_session, reading.session)
    return next_level(position.level, rsi, reading.rsi, reading.above_slow, parameters)


def level_of(
    purpose: Purpose,
    instrument_id: str,
    decided: date,
    *,
    seen: Snapshot,
    market: MarketData,
    readings: Readings,
    parameters: Parameters,
) -> int:
    """Return the level that a buy decided on a session's close used; 0 where there is no bar of that session."""
    reading, history = readings.reading(instrument_id, decided), market.history(instrument_id)
    if reading is None or history is None or reading.session != decided:
        return 0
    position = seen.position_of(instrument_id)
    if purpose is Purpose.REENTRY and position is not None:
        return level_now(position, reading, history.through(decided), readings, parameters)
    return level_at_entry(reading.rsi, parameters)
