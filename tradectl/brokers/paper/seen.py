"""What was seen of the market while it traded, and the path through it.

A price holds from the moment at which it was seen until the next one is: nothing is drawn in between, so what has been settled
once never looks different later. With a delayed source the account lives in a market that is late by that delay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tradectl.model.market import Bar, Quote
from tradectl.model.moment import ist_date
from tradectl.model.price_path import Path


@dataclass(frozen=True, slots=True)
class Look:
    """A quote as it was seen: `at` is our moment, not the quote's. Prices in paise; all but `last` are the day's so far."""

    instrument_id: str
    session: date
    at: datetime
    last: int
    open: int
    high: int
    low: int
    volume: int


Looks = Callable[[str, date], Sequence[Look]]
"""What was seen of an instrument in a session, oldest first."""


def look_at(quote: Quote, instrument_id: str, session: date, now: datetime) -> Look | None:
    """What a quote shows of a session; None where it is still of an earlier one, or has no day prices."""
    if quote.last_trade_at is None or ist_date(quote.last_trade_at) != session:
        return None
    if quote.open is None or quote.high is None or quote.low is None:
        return None
    return Look(instrument_id, session, now, quote.last, quote.open, quote.high, quote.low, quote.volume or 0)


def seen_path(looks: Sequence[Look], second: Callable[[datetime], int], end: int) -> Path | None:
    """The path of a session in steps, from the day's open on. `second`: seconds of trading up to a moment; from `end` on there is
    none, and what is seen then moves nothing."""
    if not looks:
        return None
    corners = [(0, looks[0].open)]
    for item in looks:
        at, (before, price) = second(item.at), corners[-1]
        if not before < at < end or item.last == price:
            continue
        if at - 1 > before:
            corners.append((at - 1, price))
        corners.append((at, item.last))
    return Path(corners)


def seen_bar(looks: Sequence[Look], series: str) -> Bar | None:
    """The session so far, as the last look shows it."""
    if not looks:
        return None
    last = looks[-1]
    high, low = max(last.high, last.open, last.last), min(last.low, last.open, last.last)
    return Bar(last.session, last.open, high, low, last.last, last.volume, series, provisional=True)
