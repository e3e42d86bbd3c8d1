"""The price band of a session where no data gives it: dynamic (none) with derivatives, else 20 % of the previous close.

NSE's bands are 2, 5, 10 or 20 % by stock and change often; no history of them is at hand, so the widest is taken.
Live, the broker's own limits come first.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradectl.exchange.ticks import round_down, round_up

BAND_PERCENT = 20
"""The widest of NSE's fixed bands (2, 5, 10 and 20 %; nseindia.com, price bands)."""


@dataclass(frozen=True, slots=True)
class Band:
    """Lowest and highest price that the exchange accepts, in paise, both included."""

    low: int
    high: int

    def holds(self, price: int) -> bool:
        return self.low <= price <= self.high


def price_band(
    previous_close: int, tick: int, *, derivatives: bool, bar_low: int | None = None, bar_high: int | None = None
) -> Band | None:
    """The band around `previous_close` (paise, adjusted for the day's splits and bonuses), rounded inward to `tick`.

    None: unbounded. `bar_low` and `bar_high` are what the session did trade, which the band then holds: what happened was
    allowed. It always holds the previous close, so that a price of a few paise has a band at all.
    """
    if derivatives:
        return None
    low = round_up(-(-previous_close * (100 - BAND_PERCENT) // 100), tick)
    high = round_down(previous_close * (100 + BAND_PERCENT) // 100, tick)
    lows = [low, previous_close] if bar_low is None else [low, previous_close, bar_low]
    highs = [high, previous_close] if bar_high is None else [high, previous_close, bar_high]
    return Band(min(lows), max(highs))
