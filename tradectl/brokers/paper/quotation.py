"""The quote of a moment: of the path up to now, of the whole session after its close, and of nothing that comes later."""

from __future__ import annotations

from datetime import datetime

from tradectl.brokers.paper.market_days import MarketDay
from tradectl.exchange.bands import Band
from tradectl.model.market import Quote
from tradectl.model.moment import utc

SOURCE = "paper"


def quote(symbol: str, market_day: MarketDay, band: Band | None, now: datetime, *, at: datetime) -> Quote | None:
    """Return the quote of a session after its opening match; None where nothing traded. `at`: the quote's own time."""
    if market_day.path is None or market_day.close is None:
        return None
    hours = market_day.hours
    if now >= hours.close_at:
        last, low, high, volume, traded_at = market_day.close, market_day.low, market_day.high, market_day.volume, hours.close_at
    else:
        second = market_day.hours.second(now)
        low, high, last = market_day.path.until(second)
        volume = market_day.volume * second // market_day.seconds
        traded = market_day.traded_through(second)
        traded_at = min(now, hours.moment(traded)) if traded else min(now, hours.opening_match_at)
    return Quote(
        symbol, last, utc(at), SOURCE, last_trade_at=utc(traded_at), open=market_day.open, high=high, low=low,
        volume=volume, lower_band=band.low if band else None, upper_band=band.high if band else None,
    )  # fmt: skip
