"""Compute the price and the falling target of each sale's session, minute by minute.

The ledger keeps the last limit of a sell order, not each change. So the minutes are computed as the sell monitor computes them:
from the fast EMA of the last completed bar and the lowest price so far (`strategy.exits`). The prices are stored minute bars. In
a simulation without them, they are the path on which its exchange filled the order; an account in real time then has no minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradectl.model.order import Purpose
from tradectl.model.price_path import MINUTE, Path, daily_path, minute_path
from tradectl.report_page.content import TradeLine
from tradectl.strategy.exits import target_price
from tradectl.strategy.indicators import ema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from tradectl.model.history import History
    from tradectl.world import World

MOST_TRADES = 600
"""With more trades, a report has no minutes: they would be most of the file."""
STEP = 3
"""Minutes between two points of a line."""


def with_minutes(world: World, lines: Sequence[TradeLine]) -> tuple[TradeLine, ...]:
    """Return the trades, those sold at their target with the minutes of that session if its prices are known."""
    if len(lines) > MOST_TRADES:
        return tuple(lines)
    return tuple(
        replace(line, minutes=_minutes(world, line, line.exit_session))
        if line.exit_rule == Purpose.TARGET and line.exit_session is not None
        else line
        for line in lines
    )


def _minutes(world: World, line: TradeLine, session: date) -> tuple[tuple[int, int, int], ...]:
    """Return minute, price and target (paise) of a session; empty where a bar or the prices are missing."""
    history = world.market.history(line.instrument_id)
    at = history.index(session) if history is not None else None
    if history is None or at is None or at < world.parameters.ema_fast:
        return ()
    length = _length(world, line, session)
    path = _path(world, line, history, at, length)
    if path is None:
        return ()
    close = history.close[:at] / 100 * history.multiplier[:at]
    level = float(ema(close, world.parameters.ema_fast)[-1]) / float(history.multiplier[at])
    tick = world.market.instrument(line.instrument_id, session).tick_size
    points = []
    for minute in range(0, length + 1, STEP):
        lowest, _, price = path.until(minute * MINUTE)
        points.append((minute, price, target_price(level, lowest, tick, world.parameters)))
    return tuple(points)


def _length(world: World, line: TradeLine, session: date) -> int:
    """Return the minutes of continuous trading of a session; 375 if the session table does not have it."""
    found = world.sessions.session(session)
    auction = world.market.instrument(line.instrument_id, session).closing_auction
    return found.minutes(auction) if found is not None else 375


def _path(world: World, line: TradeLine, history: History, at: int, length: int) -> Path | None:
    bar = history.bar(at)
    minutes = world.market.minutes(line.instrument_id, bar.session)
    if minutes:
        return minute_path([(item[0], *item[1:]) for item in minutes], bar.open)
    if world.mode != "simulated" and not world.clock.virtual:
        return None
    return daily_path(bar.open, bar.high, bar.low, bar.close, length)
