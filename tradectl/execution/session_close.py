"""Read the close of a session: from the final file once it is published, before that from the day's quotes.

A bar made from a quote is provisional. It exists only if the quote's last price is the session's close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import BrokerUnavailable, TradectlError
from tradectl.model.history import History
from tradectl.model.market import Bar, Instrument, Quote
from tradectl.model.moment import at_ist, ist_date
from tradectl.ports import Broker, Clock, MarketData
from tradectl.screener.readings import Readings
from tradectl.strategy.features import Reading

if TYPE_CHECKING:
    from tradectl.exchange.sessions import Session, SessionTable

FINAL_FILE = time(19, 0)
"""By when the exchange has published the final file of a session."""
TRIES, PAUSE = 3, 2.0
"""How often quotes are requested while the network fails, and the seconds between."""


class Close(Struct, frozen=True):
    """An instrument at the close of a session; `reading` and `history` are None where it has no bar of that session."""

    instrument: Instrument
    history: History | None
    reading: Reading | None


def is_final(session: date, now: datetime) -> bool:
    """Return whether the final file of a session is due (19:00 IST). Whether the file exists is not checked."""
    return now >= at_ist(session, FINAL_FILE)


def session_closes(
    instrument_ids: Iterable[str],
    session: date,
    *,
    broker: Broker,
    market: MarketData,
    readings: Readings,
    clock: Clock,
    sessions: SessionTable,
) -> Mapping[str, Close]:
    """Return the close of a session by instrument id, as far as it is known now."""
    instruments = [market.instrument(instrument_id, session) for instrument_id in instrument_ids]
    if is_final(session, clock.now()):
        return {item.instrument_id: _final(item, session, market, readings) for item in instruments}
    bars = _day_bars(instruments, sessions.session(session), broker, clock)
    return {item.instrument_id: _provisional(item, bars.get(item.instrument_id), market, readings) for item in instruments}


def provisional_bars(
    instrument_ids: Iterable[str], session: date, *, broker: Broker, market: MarketData, clock: Clock, sessions: SessionTable
) -> Mapping[str, Bar] | None:
    """Return the bars of a session from the day's quotes, by instrument id; None once the final file is published."""
    if is_final(session, clock.now()):
        return None
    instruments = [market.instrument(instrument_id, session) for instrument_id in instrument_ids]
    return _day_bars(instruments, sessions.session(session), broker, clock)


def _day_bars(instruments: Sequence[Instrument], session: Session | None, broker: Broker, clock: Clock) -> Mapping[str, Bar]:
    """Return the bars of a session from the day's quotes, by instrument id; none for a date without a session."""
    if session is None:
        return {}
    quotes = _quotes([item.symbol for item in instruments], broker, clock) if instruments else {}
    closes = {kinds: _closes_from(kinds, session) for kinds in {item.closing_auctions for item in instruments}}
    quoted = ((item, quotes[item.symbol]) for item in instruments if item.symbol in quotes)
    bars = {item.instrument_id: _bar(quote, item, session, closes[item.closing_auctions]) for item, quote in quoted}
    return {instrument_id: bar for instrument_id, bar in bars.items() if bar is not None}


def _quotes(symbols: Sequence[str], broker: Broker, clock: Clock) -> Mapping[str, Quote]:
    """Return the day's quotes; retry after a network failure. (tenacity is imported only then: it loads slowly.)"""
    try:
        return broker.quotes(symbols)
    except BrokerUnavailable as error:
        if not error.retryable:
            raise
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

    again = retry_if_exception(lambda error: isinstance(error, TradectlError) and error.retryable)
    clock.sleep(PAUSE)
    tries = Retrying(stop=stop_after_attempt(TRIES - 1), wait=wait_fixed(PAUSE), retry=again, sleep=clock.sleep, reraise=True)
    return tries(broker.quotes, symbols)


def _final(instrument: Instrument, session: date, market: MarketData, readings: Readings) -> Close:
    reading = readings.reading(instrument.instrument_id, session)
    if reading is None or reading.session != session:
        return Close(instrument, None, None)
    return Close(instrument, market.history(instrument.instrument_id), reading)


def _provisional(instrument: Instrument, bar: Bar | None, market: MarketData, readings: Readings) -> Close:
    if bar is None:
        return Close(instrument, None, None)
    multiplier = market.multiplier(instrument.instrument_id, bar.session, bar.open)
    found = readings.reading_with(instrument.instrument_id, bar, 1.0 if multiplier is None else multiplier)
    return Close(instrument, *(found or (None, None)))


def day_bar(quote: Quote, instrument: Instrument, session: Session) -> Bar | None:
    """Return the provisional bar from the day's quote; None if a field is missing or the last price is not the close.

    A closing-auction stock shows the last continuous price until the auction matches. It may not be known whether the stock has a
    closing auction. Then each trade after the earlier of the two ends of trading counts. If both ends are equal, only a trade of
    the auction counts.
    """
    return _bar(quote, instrument, session, _closes_from(instrument.closing_auctions, session))


def _bar(quote: Quote, instrument: Instrument, session: Session, closes_from: datetime) -> Bar | None:
    if quote.open is None or quote.high is None or quote.low is None or quote.volume is None or quote.last_trade_at is None:
        return None
    if ist_date(quote.last_trade_at) != session.date or quote.last_trade_at < closes_from:
        return None
    return Bar(session.date, quote.open, quote.high, quote.low, quote.last, quote.volume, instrument.series, provisional=True)


def _closes_from(kinds: tuple[bool, ...], session: Session) -> datetime:
    """Return the first moment at which a trade may be the session's close. `kinds`: whether the stock has a closing auction."""
    ends = {session.continuous_end(closing_auction) for closing_auction in kinds}
    if len(ends) > 1:
        return min(ends)
    return max(
        session.official_close_from(closing_auction) or session.phases(closing_auction)[0].start for closing_auction in kinds
    )
