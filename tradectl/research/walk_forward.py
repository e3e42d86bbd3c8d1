"""Walk-forward: settings are chosen on one span and judged on the next, which had no part in the choice.

A trade belongs to the span in which it was entered. A train span counts only trades that were closed in it, because the others
were not known on its last session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from tradectl.backtest.context import Span
from tradectl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Split:
    """Settings are compared on `train`. The best of them is judged on `test`, which begins on the next day."""

    train: Span
    test: Span


def split(whole: Span, train_years: int, test_years: int) -> tuple[Split, ...]:
    """Return the splits of a span, oldest first. Test spans follow each other; the end may cut the last one short."""
    found = []
    begin = whole.first
    while (cut := _later(begin, train_years)) <= whole.last:
        end = min(_later(cut, test_years) - timedelta(days=1), whole.last)
        found.append(Split(Span(begin, cut - timedelta(days=1)), Span(cut, end)))
        begin = _later(begin, test_years)
    return tuple(found)


def years_of(text: str) -> tuple[int, int]:
    """Return the years to train and to test from `3:1`. Raises UsageError."""
    parts = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", text)
    if parts is None:
        raise UsageError(f"a walk-forward is written TRAIN:TEST in whole years, such as 3:1, not {text!r}")
    return int(parts[1]), int(parts[2])


def _later(day: date, years: int) -> date:
    """Return the same day so many years later; the 28th for a 29th of February that does not exist."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
