"""Read quotes and daily candles at Kite. The module uses only `KiteReads`, so it cannot send an order.

Kite adjusts past prices for splits, bonuses, rights issues, demergers and large dividends, so older daily bars are not the
traded prices. Prices are rounded to the paisa. Sources: kiteconnect-mocks historical_minute.json, pykiteconnect 5.2.0,
support.zerodha.com (why charts differ from NSE's records).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.http.value_ranges import PRICE, VOLUME, about_rupees, whole
from tradectl.brokers.kite import rows
from tradectl.brokers.kite.api import KiteReads
from tradectl.brokers.kite.instruments import KiteInstruments
from tradectl.brokers.kite.rows import parsed
from tradectl.model.market import Bar, Quote
from tradectl.model.moment import at_ist, to_ist
from tradectl.model.odd_rows import OddRow, Quotes

QUOTES = 500
"""The most instruments in one request for quotes."""


class KitePrices:
    """Implement `PriceSource` for one account. Creating it sends no request. Raises the errors of the port `Broker`."""

    name = "kite"
    delay = timedelta(0)

    def __init__(self, account: BrokerAccount, reads: KiteReads) -> None:
        self._clock, self._reads = account.clock, reads
        self.instruments = KiteInstruments(account.folder, lambda: reads.get_list("/instruments/NSE"))

    def close(self) -> None:
        self._reads.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by symbol, with one request for each 500 symbols. A symbol that Kite does not list is absent."""
        now = self._clock.now()
        found: dict[str, Quote] = {}
        odd: list[OddRow] = []
        names = {f"NSE:{item.tradingsymbol}": name for name in symbols if (item := self.instruments.find(name, now))}
        left = iter(names)
        while batch := list(islice(left, QUOTES)):
            content = self._reads.get("/quote", bucket="quote", params={"i": batch})
            answer = rows.parsed(content, lambda data: rows.quotes(data, names, now))
            found |= answer
            odd += answer.odd
        return Quotes(found, odd)

    def daily(self, symbol: str, first: date, last: date) -> tuple[Bar, ...]:
        """Return daily bars from `first` to `last`, adjusted by Kite. Raises UsageError for an unknown symbol."""
        listed = self.instruments.require(symbol, self._clock.now())
        return daily(self._reads, listed.token, listed.series, first, last)


SPAN = timedelta(days=2000)
"""The longest span of one request. Kite does not document the limit; no source confirms the value."""


def daily(api: KiteReads, token: int, series: str, first: date, last: date) -> tuple[Bar, ...]:
    """Return a bar for each session from `first` to `last`, oldest first. Prices are in paise."""
    found: list[Bar] = []
    for start, end in _spans(first, last, SPAN):
        found += [
            Bar(ist.date(), *prices, volume, series)
            for ist, prices, volume in _candles(api, token, "day", _begin(start), _end(end))
        ]
    return tuple(found)


def _candles(
    api: KiteReads, token: int, interval: str, start: datetime, end: datetime
) -> Sequence[tuple[datetime, tuple[int, int, int, int], int]]:
    """Return candles as (start in IST, (open, high, low, close) in paise, volume in shares)."""
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
