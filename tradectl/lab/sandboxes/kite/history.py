"""Return past candles, up to the clock's current time.

As at Kite, prices are adjusted for later splits and bonuses, and rounded to the paisa. Kite also adjusts for demergers, rights
issues and large dividends; this module does not.
"""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from tradectl.exchange.sessions import Session, SessionTable
from tradectl.lab.sandboxes.kite.errors import invalid
from tradectl.lab.sandboxes.kite.rows import rupees
from tradectl.model.moment import IST, at_ist, to_ist
from tradectl.ports import MarketData

_OPENS = time(9, 15)
SPANS = {"day": 2000, "minute": 60}
"""The most days that one request may cover, by interval (source: kite.trade forum comment 53245)."""


def candles(
    market: MarketData, sessions: SessionTable, instrument_id: str, interval: str, *, span: tuple[str, str], now: datetime
) -> list[list[Any]]:
    """Return rows [time, open, high, low, close, volume] between the two IST times of `span`; prices in rupees.

    Raises KiteError 400 for an interval other than day or minute, wrong dates, or a span that is too long.
    """
    start, end = (_moment(text) for text in span)
    if interval not in SPANS or end < start:
        raise invalid("invalid interval or dates")
    if end - start > timedelta(days=SPANS[interval]):
        raise invalid(f"interval exceeds max limit: {SPANS[interval]} days")
    found = sessions.between(max(start.date(), sessions.first), min(end.date(), sessions.last, to_ist(now).date()))
    make = _days if interval == "day" else _minutes
    return [row for at, row in make(market, instrument_id, found, now) if start <= at <= end]


def _days(market: MarketData, instrument_id: str, sessions: list[Session], now: datetime) -> list[tuple[datetime, list[Any]]]:
    history, rows = market.history(instrument_id), []
    for session in sessions:
        index = history.index(session.date) if history is not None else None
        if history is None or index is None or now < session.ends_at():
            continue
        bar, at = history.bar(index), at_ist(session.date, time(0))
        ratio = _ratio(market, instrument_id, session.date, now)
        rows.append((at, _row(at, (bar.open, bar.high, bar.low, bar.close), bar.volume, ratio)))
    return rows


def _minutes(market: MarketData, instrument_id: str, sessions: list[Session], now: datetime) -> list[tuple[datetime, list[Any]]]:
    rows = []
    for session in sessions:
        opened, ratio = at_ist(session.date, _OPENS), _ratio(market, instrument_id, session.date, now)
        for minute, *prices, volume in market.minutes(instrument_id, session.date):
            at = opened + timedelta(minutes=minute)
            if at + timedelta(minutes=1) <= now:
                rows.append((at, _row(at, prices, volume, ratio)))
    return rows


def _ratio(market: MarketData, instrument_id: str, session: date, now: datetime) -> Fraction:
    """Return how many of today's shares correspond to one share of that session, after splits and bonuses."""
    actions = market.actions(instrument_id, session, to_ist(now).date())
    return math.prod((action.ratio for action in actions), start=Fraction(1))


def _row(at: datetime, prices: Any, volume: int, ratio: Fraction) -> list[Any]:
    divided = (math.floor(price / ratio + Fraction(1, 2)) for price in prices)
    return [f"{at:%Y-%m-%dT%H:%M:%S%z}", *(rupees(price) for price in divided), round(volume * ratio)]


def _moment(text: str) -> datetime:
    """Parse `2023-07-17 09:15:00`, or a date alone, as IST."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("invalid from date") from error
    return found.replace(tzinfo=IST)


def previous_close(market: MarketData, instrument_id: str, day: date) -> int | None:
    """Return the last close before a date, as traded, in paise; None if there is none."""
    history = market.history(instrument_id)
    index = history.last_index(day - timedelta(days=1)) if history is not None else -1
    return int(history.close[index]) if history is not None and index >= 0 else None
