"""How far an opening price can lie from the close before without a corporate action.

The exchange takes no opening order outside the day's band: 20 % of the base price at most, 10 % for stocks with derivatives. In
the 333,127 opening gaps of 194 stocks from 2018 to 2025 no other gap was larger than 20.0 %, in March 2020, at Yes Bank,
Paytm and Adani too. The two exceptions were rights issues (Mahindra Finance -41 %, Vodafone Idea -38 %). Closes say less: a
stock with derivatives may move 56 % within a session."""

from __future__ import annotations

from typing import Any

LIMIT = 0.21
"""The widest band, and 1 % for the rounding of prices to a tick."""
TICKS = 10
"""Paise that count for nothing: two old ticks, which are more than 1 % of a price below Rs 10."""


def within_band(open_price: Any, base: Any) -> Any:
    """Return whether an opening price lies in the widest band around a base price (both paise; numbers or arrays)."""
    return abs(open_price - base) <= LIMIT * base + TICKS
