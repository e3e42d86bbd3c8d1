"""Live prices for the paper exchange: quotes of a source, kept as they were seen, so that orders settle by them.

The symbols of waiting orders are looked at once a minute of trading, whoever asks for what: an order then fills in a process that
only wanted the book.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from tradectl.brokers.paper.book import Book
from tradectl.brokers.paper.seen import Look, look_at
from tradectl.brokers.paper.store import Store
from tradectl.brokers.paper.tape import Reel, Tape
from tradectl.errors import BrokerUnavailable, DataError
from tradectl.exchange.sessions import Session
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.ports import PriceSource

LOOK = timedelta(minutes=1)
"""How often the symbols of waiting orders are looked at."""


class LivePrices:
    """`reel` finds the reel of a symbol as named today, on a date; None for an unknown one."""

    def __init__(self, source: PriceSource, store: Store, tape: Tape, reel: Callable[[str, date, datetime], Reel | None]) -> None:
        self._source, self._store, self._tape, self._reel = source, store, tape, reel
        self._next_look = datetime.min.replace(tzinfo=UTC)
        self._last: dict[str, Look] = {}
        self._news = False

    def close(self) -> None:
        """End the source's connections, where it holds any."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def news(self) -> bool:
        """Whether a price was seen since the last time this was asked."""
        news, self._news = self._news, False
        return news

    def quotes(self, symbols: Sequence[str], now: datetime) -> Mapping[str, Quote]:
        """The source's quotes with the bands of today's session. What they show of that session is kept."""
        today = ist_date(now)
        answer: dict[str, Quote] = {}
        looks: list[Look] = []
        for symbol, quote in self._source.quotes(symbols).items():
            reel = self._reel(symbol, today, now)
            band = reel.band if reel is not None else None
            answer[symbol] = replace(quote, lower_band=band.low, upper_band=band.high) if band is not None else quote
            look = look_at(quote, reel.instrument.instrument_id, today, now) if reel is not None else None
            if look is not None and not _same(self._last.get(look.instrument_id), look):
                looks.append(look)
        self._keep(looks)
        return answer

    def watch(self, book: Book, session: Session | None, now: datetime) -> None:
        """See the prices of what waits to trade today. A look that fails is no look: what was seen before still stands."""
        if now < self._next_look or session is None or not session.open_at() <= now <= session.last_fill_at():
            return
        self._next_look = now + LOOK
        symbols = sorted({order.symbol for order in book.live.values() if order.session in {None, session.date}})
        with suppress(BrokerUnavailable, DataError):
            self.quotes(symbols, now)

    def _keep(self, looks: Sequence[Look]) -> None:
        if not looks:
            return
        self._store.remember(looks)
        for look in looks:
            self._last[look.instrument_id] = look
            self._tape.seen(look.instrument_id, look.session)
        self._news = True


def _same(before: Look | None, now: Look) -> bool:
    """Whether nothing has happened between two looks."""
    return before is not None and replace(before, at=now.at) == now
