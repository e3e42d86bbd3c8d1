"""Read quotes and the list of scrips, by a transport that cannot send an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from urllib.parse import quote as quoted

from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.http.address_family import CONNECT
from tradectl.brokers.http.transport import Reply
from tradectl.brokers.kotak_neo import error_mapping, paths, rows
from tradectl.brokers.kotak_neo.api import KotakApi, parsed, url
from tradectl.brokers.kotak_neo.declaration import NAME
from tradectl.brokers.kotak_neo.instruments import Scrip, ScripFile, path_of
from tradectl.errors import BrokerUnavailable, UsageError
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import OddRow, Quotes
from tradectl.model.order import Side
from tradectl.ports import OrderRules

_BATCH = 50
"""Maximum number of quotes in one request."""
_FILE_SECONDS = 60.0


class KotakPrices:
    """Implement the port `PriceSource` for one account. Errors are those of the port `Broker`."""

    name = NAME
    delay = timedelta(0)

    def __init__(self, account: BrokerAccount, wire: KotakApi) -> None:
        self._clock, self._market, self._wire = account.clock, account.market, wire
        self._public = wire.reads(error_mapping.read)
        self._files = wire.reads(error_mapping.file, (CONNECT, _FILE_SECONDS))
        self._scrips = ScripFile(account.folder, self._fetch_scrips)

    def close(self) -> None:
        for transport in (self._public, self._files):
            transport.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes with the day's prices and band. A symbol that Kotak does not list is absent."""
        tokens = {scrip.token: symbol for symbol in symbols if (scrip := self._known(symbol)) is not None}
        found: dict[str, Quote] = {}
        odd: list[OddRow] = []
        wanted = list(tokens)
        for start in range(0, len(wanted), _BATCH):
            listed = ",".join(f"{paths.SEGMENT}|{token}" for token in wanted[start : start + _BATCH])
            reply = self._look(f"{paths.QUOTES}/{quoted(listed, safe=',')}/all")
            answer = parsed(partial(self._quotes_of, reply, tokens), "quotes")
            found |= answer
            odd += answer.odd
        return Quotes(found, odd)

    def _quotes_of(self, reply: Reply, tokens: Mapping[str, str]) -> Quotes:
        return rows.quotes(reply.json(), tokens, self._clock.now())

    def scrip(self, symbol: str, side: Side | None = None) -> Scrip:
        """Return today's scrip of a symbol. Errors are those of `Scrips.find`, and UsageError for an unknown symbol."""
        today = ist_date(self._clock.now())
        instrument = self._market.instrument(self._market.find(symbol, today), today)
        return self._scrips.of(today).find(instrument, side)

    def isin_of(self, token: str) -> str:
        """Return the ISIN of a token by today's list; empty if the list cannot be read or does not have it."""
        try:
            return self._scrips.of(ist_date(self._clock.now())).isin_of(token)
        except BrokerUnavailable:
            return ""

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the tick size and the largest order of a symbol by today's list; None without a tick size."""
        today = ist_date(self._clock.now())
        return self._scrips.order_rules(self._market.instrument(self._market.find(symbol, today), today), today)

    def _known(self, symbol: str) -> Scrip | None:
        try:
            return self.scrip(symbol)
        except UsageError:
            return None

    def _fetch_scrips(self) -> bytes:
        reply = self._look(paths.SCRIP_FILES)
        return self._files.read(parsed(lambda: path_of(reply.json()), "list of files"), bucket="reads").content

    def _look(self, path: str) -> Reply:
        """Read public data. Only the session's address is used, not its token, so no reply can end the session."""
        return self._public.read(url(self._wire.session(), path), bucket="reads", headers=self._wire.looking())
