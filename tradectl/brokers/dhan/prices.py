"""What an account at Dhan sees of the market. Requests leave by a transport that sends no command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice

from tradectl.brokers.adapter import Account
from tradectl.brokers.dhan import rows
from tradectl.brokers.dhan.api import Reads
from tradectl.brokers.dhan.instruments import Instruments
from tradectl.errors import UsageError
from tradectl.model.market import Quote

QUOTES = 1000
"""Instruments of one request (dhanhq.co/docs/v2/market-quote)."""


class DhanPrices:
    """`PriceSource` of one account. Makes no request by itself; errors are those of the port `Broker`."""

    name = "dhan"
    delay = timedelta(0)

    def __init__(self, account: Account, reads: Reads) -> None:
        self._clock, self._reads = account.clock, reads
        self.instruments = Instruments(account.folder, account.market, reads.list)

    def close(self) -> None:
        self._reads.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the last quotes, with as many requests as there are 1,000 symbols. A quote's time is that of its last trade; a
        share that Dhan does not list or that has not traded is absent. ConfigurationError without the Data APIs (paid)."""
        ids = {number: symbol for symbol in symbols if (number := self._security_id(symbol)) is not None}
        found: dict[str, Quote] = {}
        left = iter(ids)
        while asked := list(islice(left, QUOTES)):
            found |= self._reads.quote(
                [int(item) for item in asked], lambda content: rows.quotes(content["data"].get("NSE_EQ") or {}, ids)
            )
        return found

    def _security_id(self, symbol: str) -> str | None:
        try:
            return self.instruments.find(symbol, self._clock.now()).security_id
        except UsageError:
            return None
