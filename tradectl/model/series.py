"""Name the series in which NSE lists shares, and the one of them that restricts a sale.

The panel stores a series as a number, so the names stand below it, in `model`.

Source: NSE, market data, legend of series.
"""

from __future__ import annotations

import re

EQUITY_SERIES = ("EQ", "BE", "BZ")
"""The series of shares that are kept and traded, the preferred one first."""
_SUFFIX = re.compile(rf"-(?:{'|'.join(EQUITY_SERIES)})$")
TRADE_FOR_TRADE = frozenset({"BE", "BZ"})
"""Series in which shares that were bought today cannot be sold today."""
SME_SERIES = frozenset({"SM", "ST", "SZ"})
"""The same three of small companies (NSE Emerge): listed by brokers, never traded here."""


def without_series(symbol: str) -> str:
    """Return a symbol without the equity series that a broker or a file has appended to it (`ALPHA-BE`)."""
    return _SUFFIX.sub("", symbol)
