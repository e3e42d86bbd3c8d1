"""Read quotes at Dhan, by a transport that sends no command."""

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
"""Instruments of one request (dhanhq.co/docs/v2/market-quote)."""


class DhanPrices:
    """`PriceSource` of one account. Makes no request by itself; errors are those of the port `Broker`."""

    name = "dhan"
    delay = timedelta(0)

    def __init__(self, account: BrokerAccount, reads: DhanReads) -> None:
        self._clock, self._sessions, self._reads = account.clock, account.sessions, reads
        self.instruments = DhanInstruments(account.folder, account.market, reads.list)

    def close(self) -> None:
        self._reads.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the last quotes, with as many requests as there are 1,000 symbols. A share that Dhan does not list or that has
        not traded is absent. ConfigurationError without the Data APIs (paid)."""
        ids = {number: symbol for symbol in symbols if (number := self._security_id(symbol)) is not None}
        found: dict[str, Quote] = {}
        odd: list[OddRow] = []
        left, now = iter(ids), self._clock.now()
        while asked := list(islice(left, QUOTES)):
            part = self._reads.quote(
                [int(item) for item in asked],
                lambda content: rows.quotes(content["data"].get("NSE_EQ") or {}, ids, self._seen, now),
            )
            found |= part
            odd += part.odd
        return Quotes(found, odd)

    def _seen(self, traded: datetime) -> datetime:
        """Return when a price was the last one. It is now while NSE trades and the share has traded today; a reply has no time of
        its own. After the session it is the session's last moment, and before it the time of the trade."""
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
