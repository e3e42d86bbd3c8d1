"""A broker's daily candles as a past that is adjusted.

Kite takes splits, bonuses, rights issues, demergers and large dividends out of its candles, rounds what is left to the paisa, and
names none of them (source: support.zerodha.com, why charts differ from NSE's records; kite.trade forum 52601).
"""

from __future__ import annotations

from datetime import date

from tradectl.errors import UsageError
from tradectl.marketdata.sources.past import Past
from tradectl.ports import Candles

HALF_A_PAISA = 0.501
"""What rounding takes away or adds, and a hair more for our own arithmetic."""


class CandlePast:
    """The client of a broker that is logged in; its errors are the broker's."""

    def __init__(self, broker: Candles, title: str) -> None:
        self._broker, self.name, self.title = broker, broker.name, title

    def past(self, symbol: str, first: date, last: date) -> Past | None:
        try:
            bars = self._broker.daily(symbol, first, last)
        except UsageError:
            return None
        rows = {bar.session: (bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars}
        return Past(rows, None, bars[-1].series if bars else "EQ")

    def blur(self, price: float, factor: float) -> float:  # noqa: ARG002 - the protocol has it
        """Return the tolerance of a price (paise): 0 for one that was not divided."""
        return 0.0 if factor == 1 else HALF_A_PAISA * factor
