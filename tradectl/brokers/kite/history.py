"""Candles: the past of a share as Kite tells it, in the shapes of our market data.

Kite adjusts past prices for splits, bonuses, rights issues, demergers and large dividends, so daily bars of before are not as
they were traded; prices are rounded to the paisa. Source: kiteconnect-mocks historical_minute.json, pykiteconnect 5.2.0,
support.zerodha.com (why charts differ from NSE's records).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from tradectl.brokers.http.value_ranges import PRICE, VOLUME, about_rupees, whole
from tradectl.brokers.kite.api import Reads
from tradectl.brokers.kite.rows import parsed
from tradectl.model.market import Bar
from tradectl.model.moment import at_ist, to_ist

SPAN = timedelta(days=2000)
"""The longest span of one call: from memory, so nothing longer is asked."""


def daily(api: Reads, token: int, series: str, first: date, last: date) -> tuple[Bar, ...]:
    """A bar for each session from `first` to `last`, oldest first. Prices in paise."""
    found: list[Bar] = []
    for start, end in _spans(first, last, SPAN):
        found += [
            Bar(ist.date(), *prices, volume, series)
            for ist, prices, volume in _candles(api, token, "day", _begin(start), _end(end))
        ]
    return tuple(found)


def _candles(
    api: Reads, token: int, interval: str, start: datetime, end: datetime
) -> Sequence[tuple[datetime, tuple[int, int, int, int], int]]:
    """Candles with their start in Indian time."""
    params = {"from": f"{start:%Y-%m-%d %H:%M:%S}", "to": f"{end:%Y-%m-%d %H:%M:%S}", "continuous": 0, "oi": 0}
    content = api.get(f"/instruments/historical/{token}/{interval}", bucket="historical", params=params)
    return parsed(content, lambda data: [_candle(row) for row in data["candles"]])


def _candle(row: Sequence[Any]) -> tuple[datetime, tuple[int, int, int, int], int]:
    opened, high, low, close = (about_rupees(price, "price", PRICE) for price in row[1:5])
    return to_ist(datetime.fromisoformat(row[0])), (opened, high, low, close), whole(row[5], "volume", VOLUME)


def _spans(first: date, last: date, longest: timedelta) -> Iterator[tuple[date, date]]:
    while first <= last:
        end = min(last, first + longest - timedelta(days=1))
        yield first, end
        first = end + timedelta(days=1)


def _begin(day: date) -> datetime:
    return at_ist(day, time(0))


def _end(day: date) -> datetime:
    return at_ist(day, time(23, 59, 59))
