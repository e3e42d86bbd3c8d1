"""What an account at Kite sees of the market: quotes and daily candles.

Who is given these prices is given no way to an order: they are read through paths that change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import islice

from tradectl.brokers.adapter import Account
from tradectl.brokers.kite import history, rows
from tradectl.brokers.kite.api import Reads
from tradectl.brokers.kite.instruments import Instruments
from tradectl.model.market import Bar, Quote
from tradectl.model.odd_rows import OddRow, Quotes

QUOTES = 500
"""Instruments of one request for quotes."""


class KitePrices:
    """`PriceSource` of one account. Makes no request by itself; errors are those of the port `Broker`."""

    name = "kite"
    delay = timedelta(0)

    def __init__(self, account: Account, reads: Reads) -> None:
        self._clock, self._reads = account.clock, reads
        self.instruments = Instruments(account.folder, lambda: reads.get_list("/instruments/NSE"))

    def close(self) -> None:
        self._reads.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """As many requests as there are 500 symbols. One that Kite does not list has no quote."""
        now = self._clock.now()
        found: dict[str, Quote] = {}
        odd: list[OddRow] = []
        names = {f"NSE:{item.tradingsymbol}": name for name in symbols if (item := self.instruments.find(name, now))}
        left = iter(names)
        while asked := list(islice(left, QUOTES)):
            content = self._reads.get("/quote", bucket="quote", params={"i": asked})
            answer = rows.parsed(content, lambda data: rows.quotes(data, names, now))
            found |= answer
            odd += answer.odd
        return Quotes(found, odd)

    def daily(self, symbol: str, first: date, last: date) -> tuple[Bar, ...]:
        """Daily bars from `first` to `last`, adjusted by Kite. UsageError for an unknown symbol."""
        listed = self.instruments.require(symbol, self._clock.now())
        return history.daily(self._reads, listed.token, listed.series, first, last)
