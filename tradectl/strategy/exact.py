"""A setting such as 0.005 means five thousandths, not the binary number nearest to it."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache


@lru_cache(maxsize=256)
def exact(value: float) -> Fraction:
    """The decimal number that a person wrote, for arithmetic on prices in whole paise."""
    return Fraction(str(value))
