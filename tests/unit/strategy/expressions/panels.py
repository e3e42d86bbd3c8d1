"""Calculate a text on bars, and make bars from lists of prices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradectl.model.history import Floats, History
from tradectl.strategy.expressions.evaluation import BarCalculation, BarColumns, Truth
from tradectl.strategy.expressions.parsing import parse_condition


def numbers_of(text: str, bars: BarColumns) -> Floats:
    """Return the values of a numeric text, shaped (bars, symbols)."""
    number = parse_condition(f"{text} == {text}", "text").operands[0]
    return BarCalculation(bars).number(number)


def truth_of(text: str, bars: BarColumns) -> Truth:
    """Return where a condition is true and where it is false."""
    return BarCalculation(bars).condition(parse_condition(text, "text"))


def history_of(
    closes: Sequence[float], *, name: str = "MADE", first: int = 738_000, multiplier: Sequence[float] = (), volume: int = 1000
) -> History:
    """Return bars with these closes in rupees as traded; the high is a rupee above, the low a rupee below."""
    close = np.array([round(value * 100) for value in closes], dtype=np.int64)
    n = len(close)
    scale = np.array(multiplier or [1.0] * n)
    series = np.full(n, "EQ")
    sessions = np.arange(first, first + n, dtype=np.int64)
    return History(name, sessions, close, close + 100, close - 100, close, np.full(n, volume, dtype=np.int64), series, scale)
