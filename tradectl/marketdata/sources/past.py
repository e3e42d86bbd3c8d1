"""The reply of a source that adjusts its history, for one share.

Such a source divides prices before a split or a bonus by its ratio. Some name their ratios. For the others our own list of
corporate actions is the only evidence.
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
    """One of these sources. `name` is its name on the command line, `title` its name in text."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    def past(self, symbol: str, first: date, last: date) -> Past | None:
        """Return its bars of these sessions, as adjusted today; None for a symbol that it does not know.

        Raises SourceUnavailable, or DataError for an invalid reply."""
        ...

    def blur(self, price: float, factor: float) -> float:
        """Return how far (paise) a price that was multiplied by `factor` may lie from the one that was traded."""
        ...
