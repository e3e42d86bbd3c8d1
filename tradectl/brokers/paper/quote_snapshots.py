"""Hold quotes of a live source that were read during trading, and build the price path through them.

A price holds from the moment of its read until the next read. No price is interpolated, so a later read never changes a
settled fill. With a delayed source, orders fill later by that delay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from msgspec import Struct

from tradectl.model.market import Bar, Quote
from tradectl.model.moment import ist_date
from tradectl.model.price_path import Path


class QuoteSnapshot(Struct, frozen=True):
    """Hold a quote as it was read. Prices are in paise.

    `at` is the moment of the read, not the time of the quote. `open`, `high`, `low` and `volume` are those of the day so far.
    """

    instrument_id: str
    session: date
    at: datetime
    last: int
    open: int
    high: int
    low: int
    volume: int


SnapshotsOf = Callable[[str, date], Sequence[QuoteSnapshot]]
"""Returns the snapshots of an instrument in a session, oldest first."""


def snapshot_of(quote: Quote, instrument_id: str, session: date, now: datetime) -> QuoteSnapshot | None:
    """Return the snapshot of a quote. None if the quote is of another session or lacks open, high or low."""
    if quote.last_trade_at is None or ist_date(quote.last_trade_at) != session:
        return None
    if quote.open is None or quote.high is None or quote.low is None:
        return None
    return QuoteSnapshot(instrument_id, session, now, quote.last, quote.open, quote.high, quote.low, quote.volume or 0)


def path_of_snapshots(snapshots: Sequence[QuoteSnapshot], second: Callable[[datetime], int], end: int) -> Path | None:
    """Return the stepwise path of a session, from the day's open on. None without snapshots.

    `second` returns the seconds of trading up to a moment. Snapshots at or after the second `end` are ignored.
    """
    if not snapshots:
        return None
    corners = [(0, snapshots[0].open)]
    for item in snapshots:
        at, (before, price) = second(item.at), corners[-1]
        if not before < at < end or item.last == price:
            continue
        if at - 1 > before:
            corners.append((at - 1, price))
        corners.append((at, item.last))
    return Path(corners)


def bar_of_snapshots(snapshots: Sequence[QuoteSnapshot], series: str) -> Bar | None:
    """Return the bar of the session so far from the last snapshot, None without snapshots."""
    if not snapshots:
        return None
    last = snapshots[-1]
    high, low = max(last.high, last.open, last.last), min(last.low, last.open, last.last)
    return Bar(last.session, last.open, high, low, last.last, last.volume, series, provisional=True)
