"""Find the open positions that are due another buy on a session's close."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from msgspec import Struct

from tradectl.execution.position_rules import PositionRules, RulesMissing, has_own_rules
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


class Reentry(Struct, frozen=True):
    """A position whose rule requires its next buy: `level`. `distrusted`: why its prices cannot be trusted, or empty."""

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
    own: PositionRules | None = None,
) -> Iterator[Reentry]:
    """Yield the re-entries that the RSI level, or the rule of an own strategy, requires, before limits and funds.

    A re-entry whose prices cannot be trusted carries the rule that forbids it. `own`: the rules of own strategies; without
    them, their positions have no re-entry."""
    for position in positions:
        close = seen.get(position.instrument_id)
        if has_own_rules(position):
            if own is not None and close is not None and close.reading is not None:
                yield from _own_reentry(position, close.reading, seen, own, market=market, following=following)
            continue
        if close is None or close.reading is None or close.history is None or position.buys >= parameters.max_buys:
            continue
        level = level_now(position, close.reading, close.history, readings, parameters)
        if level:
            yield Reentry(
                position, close.reading, level, distrusted(market, close.history.through(close.reading.session), following)
            )


def _own_reentry(
    position: Position,
    reading: Reading,
    seen: Mapping[str, Close],
    own: PositionRules,
    *,
    market: MarketData,
    following: date,
) -> Iterator[Reentry]:
    """Yield the re-entry that the rule of a position's own strategy requires on a close."""
    day = reading.session

    def until_close(name: str) -> History | None:
        close = seen.get(name)
        found = close.history if close is not None and close.history is not None else market.history(name)
        return found.through(day) if found is not None else None

    history = until_close(position.instrument_id)
    index = history.index(day) if history is not None else None
    if history is None or index is None:
        return
    rules = own.of(position, until_close, scale=float(history.multiplier[index]), day=day)
    if isinstance(rules, RulesMissing):
        yield Reentry(position, reading, 0, f"strategy: {rules.reason}")
    elif level := rules.reentry_level:
        yield Reentry(position, reading, level, distrusted(market, history, following))


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
