"""Read the dated tables that ship with the package: CSV files in which every row names its source."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from importlib.resources import files

from tradectl.errors import UncoveredDate

FIRST, LAST = date(2018, 1, 1), date(2026, 12, 31)
"""The first and the last date that the shipped tables of sessions cover."""


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of one table of this package, in file order."""
    text = files("tradectl.exchange").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def in_force(starts: Sequence[date], day: date, what: str) -> int:
    """Return the index of the last of the ascending `starts` that is not after `day`.

    Raises:
        UncoveredDate: `day` is before the first start. `what` names the table in the message.
    """
    index = bisect_right(starts, day) - 1
    if index < 0:
        raise UncoveredDate(f"no {what} is known before {starts[0]} (requested: {day})")
    return index
