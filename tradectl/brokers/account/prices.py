"""Get quotes from a broker's stream while they are fresh, else by request.

Only one process has a stream: the sell monitor. The others send requests. A streamed quote is fresh for a short time after the
exchange published it, so the quote of a stock that does not trade is requested. Each symbol is also requested from time to
time, because a stream has no price bands. If the stream is broken, every quote is requested, and `trouble` has the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, Self, runtime_checkable

from msgspec.structs import replace

from tradectl.brokers.http.stream import NOT_YET
from tradectl.errors import TradectlError
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import Quotes, odd_of
from tradectl.ports import Broker, Clock
from tradectl.redaction import redacted

FRESH = timedelta(seconds=30)
"""How old a streamed quote may be."""
REQUEST_EVERY = timedelta(minutes=5)
"""The quote of a symbol is requested again after this time, even with a fresh stream, because bands change in the closing
auction."""


class Ticker(Protocol):
    """Receive a broker's stream in a thread. It connects when it is entered (`with`) and closes when it is left.

    `trouble` is the reason why there is no connection, empty while there is one. `quotes` returns the last quote of each
    symbol, with the exchange's time. `subscribe` raises UsageError for an unknown symbol.
    """

    trouble: str

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def subscribe(self, symbols: Sequence[str]) -> None: ...
    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]: ...


@runtime_checkable
class HasTicker(Protocol):
    """Mark a broker that has a stream of prices."""

    def ticker(self) -> Ticker:
        """Return the stream, which is not connected yet."""
        ...


class StreamedPrices:
    """Give quotes as `Broker.quotes` does, with the help of a running stream. `close` ends the stream."""

    def __init__(self, broker: Broker, ticker: Ticker, clock: Clock) -> None:
        self._broker, self._ticker, self._clock = broker, ticker, clock
        self._requested: dict[str, tuple[datetime, Quote | None]] = {}
        self._subscribed: set[str] = set()
        self._reported = NOT_YET
        ticker.__enter__()

    def close(self) -> None:
        self._ticker.__exit__(None, None, None)

    @property
    def trouble(self) -> str:
        """Return why the stream has no connection, without secrets. Return an empty text while it has one."""
        return redacted(self._ticker.trouble)

    def news(self) -> str | None:
        """Return `trouble` once after each change, also after the first connection; None if it has not changed."""
        trouble = self.trouble
        if trouble in {self._reported, NOT_YET}:
            return None
        self._reported = trouble
        return trouble

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by symbol. A streamed quote has the bands of the symbol's last requested quote."""
        now = self._clock.now()
        streamed = self._fresh(symbols, now)
        odd = list(odd_of(streamed))
        stale = [symbol for symbol in symbols if symbol not in streamed or not self._requested_lately(symbol, now)]
        if stale:
            found = self._broker.quotes(stale)
            odd += odd_of(found)
            self._requested |= {symbol: (now, found.get(symbol)) for symbol in stale}
        answer = {symbol: self._best(symbol, streamed.get(symbol), now) for symbol in symbols}
        return Quotes({symbol: quote for symbol, quote in answer.items() if quote is not None}, odd)

    def _fresh(self, symbols: Sequence[str], now: datetime) -> Mapping[str, Quote]:
        self._subscribe([symbol for symbol in symbols if symbol not in self._subscribed])
        if self._ticker.trouble:
            return {}
        ticks = self._ticker.quotes(symbols)
        return Quotes({name: tick for name, tick in ticks.items() if now - FRESH <= tick.at <= now + FRESH}, odd_of(ticks))

    def _subscribe(self, new: Sequence[str]) -> None:
        """Subscribe the symbols one by one, so that one unknown symbol does not prevent the others."""
        for symbol in new:
            try:
                self._ticker.subscribe([symbol])
            except TradectlError:
                continue
            self._subscribed.add(symbol)

    def _requested_lately(self, symbol: str, now: datetime) -> bool:
        at = self._requested[symbol][0] if symbol in self._requested else None
        return at is not None and now - at < REQUEST_EVERY and ist_date(at) == ist_date(now)

    def _best(self, symbol: str, tick: Quote | None, now: datetime) -> Quote | None:
        """Return the newer of the streamed and the requested quote, None without either.

        A requested quote counts only in the call that requested it.
        """
        at, requested = self._requested[symbol]
        if tick is None or (at == now and requested is not None and requested.at >= tick.at):
            return requested if at == now else None
        bands = (requested.lower_band, requested.upper_band) if requested is not None else (None, None)
        return replace(tick, lower_band=bands[0], upper_band=bands[1])
