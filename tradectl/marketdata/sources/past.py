"""Define the price history of one share from a source that adjusts prices, and the client that fetches it.

Such a source divides the prices before a split or a bonus by the ratio. Some sources report the ratios. For the others, the
stored list of corporate actions is the only evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Protocol

from msgspec import Struct

Row = tuple[float, float, float, float, float]
"""Adjusted open, high, low and close in paise, and adjusted volume in shares. An unknown price is NaN."""


class Past(Struct, frozen=True):
    """Hold the adjusted history of one share.

    `rows`: by session. `splits`: new shares for one old, by ex-date; None if the source does not report them."""

    rows: Mapping[date, Row]
    splits: Mapping[date, Fraction] | None
    series: str = "EQ"


class Client(Protocol):
    """Fetch adjusted histories from one source. `name`: on the command line; `title`: in messages."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    def past(self, symbol: str, first: date, last: date) -> Past | None:
        """Return the bars of a symbol from `first` to `last`, as adjusted today; None if the source does not know the symbol.

        Raises SourceUnavailable, or DataError for an invalid reply."""
        ...

    def blur(self, price: float, factor: float) -> float:
        """Return how many paise a price that was restored with `factor` may differ from the traded price."""
        ...
