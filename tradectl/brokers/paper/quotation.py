"""Give quotes and pre-open prices from stored market data, without data from after the moment of the call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from tradectl.brokers.paper.market_days import MarketDay, MarketDays
from tradectl.errors import UncoveredDate, UsageError
from tradectl.exchange.sessions import Session, SessionTable
from tradectl.model.market import Quote
from tradectl.ports import MarketData


class Quotation:
    """Give the prices of symbols as they are named on the date of the call.

    `session_of` returns the session of a date, None for a closed or an uncovered date.
    """

    def __init__(
        self, market_days: MarketDays, market: MarketData, sessions: SessionTable, session_of: Callable[[date], Session | None]
    ) -> None:
        self._market_days, self._market, self._sessions, self._session_of = market_days, market, sessions, session_of

    def quotes(self, symbols: Sequence[str], today: date, now: datetime) -> dict[str, Quote]:
        """Return quotes by symbol. A symbol without a price is absent."""
        session = self._session_of(today)
        found = ((symbol, self._quote(symbol, session, today, now)) for symbol in symbols)
        return {symbol: quote for symbol, quote in found if quote is not None}

    def preopen_prices(self, symbols: Sequence[str], today: date, now: datetime) -> dict[str, int]:
        """Return opening prices (paise) by symbol, from the first phase of a run session to the start of continuous trading."""
        session = self._sessions.session(today)
        if session is None or not session.runs or not session.begins_at() <= now < session.open_at():
            return {}
        found = ((symbol, self._market_day(symbol, session, today, now)) for symbol in symbols)
        return {symbol: day.open for symbol, day in found if day is not None and day.open is not None}

    def market_day(self, symbol: str, today: date, now: datetime) -> MarketDay | None:
        """Return today's market day of a symbol. None for an unknown symbol or a day without a session."""
        return self._market_day(symbol, self._session_of(today), today, now)

    def _market_day(self, symbol: str, session: Session | None, today: date, now: datetime) -> MarketDay | None:
        if session is None:
            return None
        try:
            return self._market_days.market_day(self._market.find(symbol, today), session, now)
        except UsageError:
            return None

    def _quote(self, symbol: str, session: Session | None, today: date, now: datetime) -> Quote | None:
        """Return today's quote after the opening match, else the last session's quote with its own time. The band is today's."""
        market_day = self._market_day(symbol, session, today, now)
        if market_day is not None and now >= market_day.hours.opening_match_at:
            return market_day.quote(symbol, market_day.band, now, at=now)
        try:
            before = self._market_day(symbol, self._session_of(self._sessions.previous_session(today).date), today, now)
        except UncoveredDate:
            return None
        if before is None:
            return None
        band = market_day.band if market_day is not None else before.band
        return before.quote(symbol, band, now, at=before.hours.close_at)
