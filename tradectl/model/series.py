"""Define the series in which NSE lists shares, and the series that restrict a sale.

The panel stores a series as a number, so this module is in `model`, too.

Source: NSE, market data, legend of series.
"""

from __future__ import annotations

import re

EQUITY_SERIES = ("EQ", "BE", "BZ")
"""The series whose bars are stored and whose shares are traded, the preferred series first."""
_SUFFIX = re.compile(rf"-(?:{'|'.join(EQUITY_SERIES)})$")
TRADE_FOR_TRADE = frozenset({"BE", "BZ"})
"""Trade-for-trade series: shares that were bought today cannot be sold today."""
SME_SERIES = frozenset({"SM", "ST", "SZ"})
"""The corresponding series of small companies (NSE Emerge). Brokers list them; tradectl never trades them."""


def without_series(symbol: str) -> str:
    """Return a symbol without an appended equity series: `ALPHA` for `ALPHA-BE`."""
    return _SUFFIX.sub("", symbol)
