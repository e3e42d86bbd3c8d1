"""Read quotes from OpenAlgo, by a transport that cannot send an order.

OpenAlgo sends no time with a price, so the time follows from the session table. During a session, a quote of a share that traded
today gets the time of the request. After the session it gets the end of trading. A quote of a share that has not traded today
gets the end of the previous session. Quotes have no bands.

Source: openalgo's documentation of multiquotes (`real-time`; open, high, low, ltp, prev_close, volume).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from tradectl.brokers.adapter import BrokerAccount
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.row_reading import read_rows
from tradectl.brokers.http.strict_json import brief
from tradectl.brokers.http.value_ranges import LIMIT, PRICE, VOLUME
from tradectl.brokers.openalgo import rows
from tradectl.brokers.openalgo.api import OpenAlgoReads
from tradectl.brokers.openalgo.rows import NAMES, Row, about_paise, symbol, whole
from tradectl.errors import BrokerUnavailable
from tradectl.exchange.sessions import SessionTable
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import OddRow, Quotes, RowKind


class OpenAlgoPrices:
    """Implement the port `PriceSource` for one account. Errors are those of the port `Broker`."""

    name = "openalgo"
    delay = timedelta(0)

    def __init__(self, account: BrokerAccount, reads: OpenAlgoReads) -> None:
        self._clock, self._sessions, self._reads = account.clock, account.sessions, reads

    def close(self) -> None:
        self._reads.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by symbol, with one request for each 50 symbols. The quotes have no bands."""
        asked = list(dict.fromkeys(symbols))
        found: dict[str, Quote] = {}
        odd: list[OddRow] = []
        for start in range(0, len(asked), BATCH):
            names = [{"symbol": symbol, "exchange": rows.EXCHANGE} for symbol in asked[start : start + BATCH]]
            answer = self._reads.read("multiquotes", partial(self._quotes_of, self._clock.now()), symbols=names)
            found |= answer
            odd += answer.odd
        return Quotes({symbol: quote for symbol, quote in found.items() if symbol in set(asked)}, odd)

    def _quotes_of(self, now: datetime, content: Row) -> Quotes:
        return quotes(content["results"], self._sessions, now)


SOURCE = "openalgo"
BATCH = 50
"""Number of symbols in one request: our choice, because the limit depends on the broker behind OpenAlgo."""
_NOT_KNOWN = re.compile(r"not found|invalid symbol|unknown|does not exist|no data", re.IGNORECASE)


def quotes(rows: Iterable[Row], sessions: SessionTable, now: datetime) -> Quotes:
    """Return quotes by symbol. A symbol with an `error` in place of data is absent.

    Raises:
        BrokerUnavailable: No symbol has a quote, and an error has another reason than an unknown symbol.
    """
    errors: list[str] = []

    def read(row: Row) -> Quote | None:
        data = row.get("data")
        if data and data.get("ltp"):
            return value_ranges.quote(_quote(symbol(row), data, sessions, now), now)
        if not data:
            errors.append(str(row.get("error") or "no data"))
        return None

    made = read_rows(RowKind.QUOTE, rows, read, NAMES)
    named = {row.symbol for row in made.odd}
    found = Quotes({quote.symbol: quote for quote in made if quote.symbol not in named}, made.odd)
    failed = [error for error in errors if not _NOT_KNOWN.search(error)]
    if failed and not found:
        raise BrokerUnavailable(brief(f"OpenAlgo has no quotes: {failed[0]}"))
    return found


def _quote(symbol: str, data: Mapping[str, object], sessions: SessionTable, now: datetime) -> Quote:
    opened, volume = about_paise(data.get("open"), "data.open", LIMIT), whole(data.get("volume") or 0, "data.volume", VOLUME)
    at, traded = _seen(sessions, now, traded=volume > 0 and opened > 0)
    return Quote(
        symbol,
        about_paise(data["ltp"], "data.ltp", PRICE),
        at,
        SOURCE,
        last_trade_at=at,
        open=opened if traded else None,
        high=about_paise(data["high"], "data.high", PRICE) if traded else None,
        low=about_paise(data["low"], "data.low", PRICE) if traded else None,
        volume=volume if traded else None,
    )


def _seen(sessions: SessionTable, now: datetime, *, traded: bool) -> tuple[datetime, bool]:
    """Return the latest time at which the current price can have been traded, and whether that is in today's session."""
    today = ist_date(now)
    session = sessions.session(today)
    if session is None or now < session.open_at() or not traded:
        return sessions.previous_session(today).last_fill_at(), False
    return min(now, session.last_fill_at()), True
