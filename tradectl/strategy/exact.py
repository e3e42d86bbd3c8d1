"""A setting such as 0.005 means five thousandths, not the binary number nearest to it."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.model.history import Ints

_MOST = 2**63 - 1
"""The largest number of an array of integers."""


@lru_cache(maxsize=4096)
def exact(value: float) -> Fraction:
    """The decimal number that a person wrote, for arithmetic on prices in whole paise."""
    return Fraction(str(value))


def floor_times(values: Ints, numerators: Ints, denominators: Ints) -> Ints:
    """`values` x numerators / denominators, rounded down; exact whatever the sizes, quick where products fit 64 bits."""
    if not len(values):
        return values
    if max(abs(int(values.max())), abs(int(values.min()))) * int(abs(numerators).max()) <= _MOST:
        return values * numerators // denominators
    return (values.astype(object) * numerators // denominators).astype("int64")
