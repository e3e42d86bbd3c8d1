"""Read quotes from Dhan, by a transport that cannot send an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.dhan import rows
from tradectl.brokers.dhan.api import DhanReads
from tradectl.brokers.dhan.instruments import DhanInstruments
from tradectl.errors import UsageError
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import OddRow, Quotes

QUOTES = 1000
"""Maximum number of instruments in one request (dhanhq.co/docs/v2/market-quote)."""


class DhanPrices:
    """Implement the port `PriceSource` for one account. Errors are those of the port `Broker`."""

    name = "dhan"
    delay = timedelta(0)

    def __init__(self, account: BrokerAccount, reads: DhanReads) -> None:
        self._clock, self._sessions, self._reads = account.clock, account.sessions, reads
        self.instruments = DhanInstruments(account.folder, account.market, reads.list)

    def close(self) -> None:
        self._reads.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the last quotes by symbol, with one request for each 1,000 symbols.

        A share that Dhan does not list, or that has never traded, is absent. Raises ConfigurationError without the (paid) Data
        APIs.
        """
        ids = {number: symbol for symbol in symbols if (number := self._security_id(symbol)) is not None}
        found: dict[str, Quote] = {}
        odd: list[OddRow] = []
        left, now = iter(ids), self._clock.now()
        while batch := list(islice(left, QUOTES)):
            part = self._reads.quote(
                [int(item) for item in batch],
                lambda content: rows.quotes(content["data"].get("NSE_EQ") or {}, ids, self._seen, now),
            )
            found |= part
            odd += part.odd
        return Quotes(found, odd)

    def _seen(self, traded: datetime) -> datetime:
        """Return the latest moment at which the price is known to be current. Dhan's reply has no time of the quote itself.

        If the share traded today, the moment is now during the session, and the end of trading after it. Otherwise it is the
        time of the last trade.
        """
        now = self._clock.now()
        session = self._sessions.session(ist_date(now))
        if session is None or ist_date(traded) != session.date:
            return traded
        return max(traded, min(now, session.last_fill_at()))

    def _security_id(self, symbol: str) -> str | None:
        try:
            return self.instruments.find(symbol, self._clock.now()).security_id
        except UsageError:
            return None
