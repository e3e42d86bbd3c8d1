"""What the screen shows at a moment: the path up to now, the whole session after its close, and nothing that comes later."""

from __future__ import annotations

from datetime import datetime

from tradectl.brokers.paper.tape import Reel
from tradectl.exchange.bands import Band
from tradectl.model.market import Quote
from tradectl.model.moment import utc

SOURCE = "paper"


def quote(symbol: str, reel: Reel, band: Band | None, now: datetime, *, at: datetime) -> Quote | None:
    """The quote of a session that has had its opening match. `at`: the quote's own time. None where nothing traded."""
    if reel.path is None or reel.close is None:
        return None
    hours = reel.hours
    if now >= hours.close_at:
        last, low, high, volume, traded_at = reel.close, reel.low, reel.high, reel.volume, hours.close_at
    else:
        second = reel.hours.second(now)
        low, high, last = reel.path.until(second)
        volume = reel.volume * second // reel.seconds
        traded = reel.traded_through(second)
        traded_at = min(now, hours.moment(traded)) if traded else min(now, hours.opening_match_at)
    return Quote(
        symbol, last, utc(at), SOURCE, last_trade_at=utc(traded_at), open=reel.open, high=high, low=low,
        volume=volume, lower_band=band.low if band else None, upper_band=band.high if band else None,
    )  # fmt: skip
