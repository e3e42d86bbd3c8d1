"""Compute the price band of a session for which no data gives one.

Stocks with derivatives have no fixed band. For the others the band is 20 % around the previous close. NSE's bands are 2, 5,
10 or 20 % by stock and change often. The package has no history of them, so it uses the widest. A live home uses the
broker's limits first.
"""

from __future__ import annotations

from msgspec import Struct

from tradectl.exchange.ticks import round_down, round_up

BAND_PERCENT = 20
"""The widest of NSE's fixed bands (2, 5, 10 and 20 %; nseindia.com, price bands)."""


class Band(Struct, frozen=True):
    """Hold the lowest and the highest price that the exchange accepts, in paise, both included."""

    low: int
    high: int

    def holds(self, price: int) -> bool:
        """Return whether a price (paise) lies in the band."""
        return self.low <= price <= self.high


def price_band(
    previous_close: int, tick: int, *, derivatives: bool, bar_low: int | None = None, bar_high: int | None = None
) -> Band | None:
    """Return the band around `previous_close`, rounded inward to `tick`, or None for a stock with derivatives: no band.

    The band always contains the previous close: otherwise a price of a few paise would have an empty band.

    Args:
        previous_close: In paise, adjusted for the day's splits and bonuses.
        bar_low: The lowest traded price of the session (paise), if known. The exchange allowed it, so the band contains it.
        bar_high: The same for the highest traded price.
    """
    if derivatives:
        return None
    low = round_up(-(-previous_close * (100 - BAND_PERCENT) // 100), tick)
    high = round_down(previous_close * (100 + BAND_PERCENT) // 100, tick)
    lows = [low, previous_close] if bar_low is None else [low, previous_close, bar_low]
    highs = [high, previous_close] if bar_high is None else [high, previous_close, bar_high]
    return Band(min(lows), max(highs))
