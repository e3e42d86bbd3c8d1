"""Read live prices for the paper exchange and store them as snapshots, by which orders settle.

During trading, any call reads the quotes of live orders at most once a minute. So an order fills even in a process that
only reads the order list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from tradectl.brokers.paper.account import ExchangeAccount
from tradectl.brokers.paper.market_days import MarketDay, MarketDays
from tradectl.brokers.paper.quote_snapshots import QuoteSnapshot, snapshot_of
from tradectl.brokers.paper.store import Store
from tradectl.errors import BrokerUnavailable, DataError
from tradectl.exchange.sessions import Session
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.ports import Closable, PriceSource

READ_EVERY = timedelta(minutes=1)
"""The least time between two reads of the quotes of live orders."""


class LivePrices:
    """Read quotes from a source and store their snapshots.

    `market_day` returns the market day of a symbol (as named today) on a date, None for an unknown symbol.
    """

    def __init__(
        self,
        source: PriceSource,
        store: Store,
        market_days: MarketDays,
        market_day: Callable[[str, date, datetime], MarketDay | None],
    ) -> None:
        self._source, self._store, self._market_days, self._market_day = source, store, market_days, market_day
        self._next_read = datetime.min.replace(tzinfo=UTC)
        self._last: dict[str, QuoteSnapshot] = {}
        self._news = False

    def close(self) -> None:
        """Close the source if it has connections."""
        if isinstance(self._source, Closable):
            self._source.close()

    def news(self) -> bool:
        """Return whether a new snapshot was stored since the last call of `news`."""
        news, self._news = self._news, False
        return news

    def quotes(self, symbols: Sequence[str], now: datetime) -> Mapping[str, Quote]:
        """Return the source's quotes with the bands of today's session, and store snapshots of that session."""
        today = ist_date(now)
        answer: dict[str, Quote] = {}
        snapshots: list[QuoteSnapshot] = []
        for symbol, quote in self._source.quotes(symbols).items():
            market_day = self._market_day(symbol, today, now)
            band = market_day.band if market_day is not None else None
            answer[symbol] = replace(quote, lower_band=band.low, upper_band=band.high) if band is not None else quote
            snapshot = snapshot_of(quote, market_day.instrument.instrument_id, today, now) if market_day is not None else None
            if snapshot is not None and not _same(self._last.get(snapshot.instrument_id), snapshot):
                snapshots.append(snapshot)
        self._keep(snapshots)
        return answer

    def watch(self, book: ExchangeAccount, session: Session | None, now: datetime) -> None:
        """Read the quotes of live orders. After a failed read the earlier snapshots stay in force."""
        if now < self._next_read or session is None or not session.open_at() <= now <= session.last_fill_at():
            return
        self._next_read = now + READ_EVERY
        waiting = {order.symbol: order.instrument_id for order in book.live.values() if order.session in {None, session.date}}
        with suppress(BrokerUnavailable, DataError):
            found = self.quotes(sorted(waiting), now)
            untraded = [instrument_id for symbol, instrument_id in waiting.items() if _is_untraded(found.get(symbol), session)]
            if untraded:
                self._store.remember_untraded(untraded, session.date, now)

    def _keep(self, snapshots: Sequence[QuoteSnapshot]) -> None:
        if not snapshots:
            return
        self._store.remember(snapshots)
        for snapshot in snapshots:
            self._last[snapshot.instrument_id] = snapshot
            self._market_days.seen(snapshot.instrument_id, snapshot.session)
        self._news = True


def _is_untraded(quote: Quote | None, session: Session) -> bool:
    """Return whether a quote shows that no trade of the session has happened yet.

    A source without the time of a trade shows it by a volume of 0 in a quote of the session's date."""
    if quote is None:
        return False
    if quote.last_trade_at is not None:
        return ist_date(quote.last_trade_at) < session.date
    return quote.volume == 0 and ist_date(quote.at) == session.date


def _same(before: QuoteSnapshot | None, now: QuoteSnapshot) -> bool:
    """Return whether two snapshots show the same prices and volume."""
    return before is not None and replace(before, at=now.at) == now
