"""Divide a span for walk-forward: settings are chosen on a train span and tested on the following test span.

A trade belongs to the span in which it was entered. A train span counts only trades that were also closed in it, because the
results of the others were not known on its last session.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from msgspec import Struct

from tradectl.backtest.context import Span
from tradectl.errors import UsageError


class Split(Struct, frozen=True):
    """Hold the span on which settings are compared, and the next span, on which the best of them is tested."""

    train: Span
    test: Span


def split(whole: Span, train_years: int, test_years: int) -> tuple[Split, ...]:
    """Return the splits of a span, oldest first. Test spans follow each other without gaps; the last one may be shorter."""
    found = []
    begin = whole.first
    while (cut := _later(begin, train_years)) <= whole.last:
        end = min(_later(cut, test_years) - timedelta(days=1), whole.last)
        found.append(Split(Span(begin, cut - timedelta(days=1)), Span(cut, end)))
        begin = _later(begin, test_years)
    return tuple(found)


def years_of(text: str) -> tuple[int, int]:
    """Return the years of the train and test spans from a text such as `3:1`. Raises UsageError."""
    parts = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", text)
    if parts is None:
        raise UsageError(f"a walk-forward is written TRAIN:TEST in whole years, such as 3:1, not {text!r}")
    return int(parts[1]), int(parts[2])


def _later(day: date, years: int) -> date:
    """Return the same day some years later; 28 February if 29 February does not exist."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
