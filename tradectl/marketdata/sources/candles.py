"""Read a broker's daily candles as an adjusted price history.

Kite adjusts its candles for splits, bonuses, rights issues, demergers and large dividends, and rounds them to the paisa. It does
not report these actions (source: support.zerodha.com, why charts differ from NSE's records; kite.trade forum 52601).
"""

from __future__ import annotations

from datetime import date

from tradectl.errors import UsageError
from tradectl.marketdata.sources.past import Past
from tradectl.ports import Candles

HALF_A_PAISA = 0.501
"""Largest rounding error of a candle in paise, with a margin for floating-point arithmetic."""


class CandlePast:
    """Read candles from a broker that is logged in. Errors of the broker are raised unchanged."""

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
        """Return the tolerance of a restored price in paise: 0 if the price was not adjusted."""
        return 0.0 if factor == 1 else HALF_A_PAISA * factor
