"""The reading of a session that has just closed: from the final file once it is published, from the day's quotes before.

A bar made from a quote is provisional; it exists only if the quote's last price really is of that session's close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from tradectl.model.history import History
from tradectl.model.market import Bar, Instrument, Quote
from tradectl.model.moment import at_ist, ist_date
from tradectl.ports import Broker, Clock, MarketData
from tradectl.strategy.features import Reading
from tradectl.strategy.readings import Readings

FINAL_FILE = time(19, 0)
"""By when the exchange has published the final file of a session."""
AUCTION_CLOSE = time(15, 30)
"""A closing-auction stock may still show its 15:15 price before this."""


@dataclass(frozen=True, slots=True)
class Close:
    """An instrument at the close of a session; `reading` and `history` are None where it has no bar of that session."""

    instrument: Instrument
    history: History | None
    reading: Reading | None


def is_final(session: date, now: datetime) -> bool:
    """Whether the final file of a session is out."""
    return now >= at_ist(session, FINAL_FILE)


def closes(
    instrument_ids: Iterable[str], session: date, *, broker: Broker, market: MarketData, readings: Readings, clock: Clock
) -> Mapping[str, Close]:
    """The close of a session, as far as it is known now, by instrument id."""
    instruments = [market.instrument(instrument_id, session) for instrument_id in instrument_ids]
    if is_final(session, clock.now()):
        return {item.instrument_id: _final(item, session, market, readings) for item in instruments}
    quotes = broker.quotes([item.symbol for item in instruments]) if instruments else {}
    return {item.instrument_id: _provisional(item, session, quotes.get(item.symbol), market, readings) for item in instruments}


def last_known(instrument_ids: Iterable[str], session: date, *, market: MarketData, readings: Readings) -> Mapping[str, Close]:
    """The last stored bar of each instrument up to a session, however old; for those who ask for it in so many words."""
    found = {}
    for instrument_id in instrument_ids:
        reading = readings.reading(instrument_id, session)
        history = market.history(instrument_id) if reading is not None else None
        found[instrument_id] = Close(market.instrument(instrument_id, session), history, reading)
    return found


def _final(instrument: Instrument, session: date, market: MarketData, readings: Readings) -> Close:
    reading = readings.reading(instrument.instrument_id, session)
    if reading is None or reading.session != session:
        return Close(instrument, None, None)
    return Close(instrument, market.history(instrument.instrument_id), reading)


def _provisional(instrument: Instrument, session: date, quote: Quote | None, market: MarketData, readings: Readings) -> Close:
    bar = day_bar(quote, instrument, session) if quote is not None else None
    if bar is None:
        return Close(instrument, None, None)
    multiplier = market.multiplier(instrument.instrument_id, session, bar.open)
    found = readings.reading_with(instrument.instrument_id, bar, 1.0 if multiplier is None else multiplier)
    return Close(instrument, *(found or (None, None)))


def day_bar(quote: Quote, instrument: Instrument, session: date) -> Bar | None:
    """The provisional bar of a session from the day's quote, or None where its last price is not that session's close."""
    if quote.open is None or quote.high is None or quote.low is None or quote.volume is None or quote.last_trade_at is None:
        return None
    if ist_date(quote.last_trade_at) != session:
        return None
    if instrument.closing_auction and quote.last_trade_at < at_ist(session, AUCTION_CLOSE):
        return None
    return Bar(session, quote.open, quote.high, quote.low, quote.last, quote.volume, instrument.series, provisional=True)
