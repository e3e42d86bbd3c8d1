"""What a source that adjusts its history says of one share.

Such a source divides what was traded before a split or a bonus by its ratio. Some name the ratios that they divided by, some do
not, and then our own list of corporate actions is all that is known of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Protocol

Row = tuple[float, float, float, float, float]
"""Open, high, low, close in paise and the volume in shares, adjusted; a price that is not known is NaN."""


@dataclass(frozen=True, slots=True)
class Past:
    """`rows` by session; `splits` are new shares for an old one by ex-date, None where the source does not name them."""

    rows: Mapping[date, Row]
    splits: Mapping[date, Fraction] | None
    series: str = "EQ"


class Client(Protocol):
    """One of these sources. `name` is the word of the command line, `title` what people call it."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    def past(self, symbol: str, first: date, last: date) -> Past | None:
        """What it says of these sessions, as adjusted today; None for a symbol that it does not know. SourceUnavailable, or
        DataError where the answer cannot be believed."""
        ...

    def blur(self, price: float, factor: float) -> float:
        """How far (paise) a price that was multiplied by `factor` may lie from the one that was traded."""
        ...
