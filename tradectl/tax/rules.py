"""Read the dated tax rules of listed shares with STT paid. `rules.csv` names the source of each row.

A row marked `unsure` has one weak source or none. Every figure that rests on such a row carries a doubt.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from datetime import date
from enum import StrEnum
from fractions import Fraction
from functools import cache
from importlib.resources import files

from msgspec import Struct

from tradectl.errors import UncoveredDate, UsageError
from tradectl.exchange.charges import Lines
from tradectl.model.money import Paise, to_paise

GRANDFATHERED = date(2018, 1, 31)
"""Shares bought to this date may take its highest quote as their cost."""
NOT_ADVICE = "This is not tax advice: it is computed from public summaries of the law. Have it checked before you file."
CHARGES = ("brokerage", "stt", "transaction", "ipft", "sebi", "stamp", "gst", "dp")
"""The charge lines by name, as in `exchange.charges.Lines`."""


class Term(StrEnum):
    """How a disposal is taxed."""

    SHORT = "short"
    LONG = "long"
    SPECULATIVE = "speculative"
    BUYBACK = "buyback"
    UNKNOWN = "unknown"


class Rule(Struct, frozen=True):
    """One dated row: `unsure` tells that its source is weak."""

    since: date
    item: str
    value: str
    unit: str
    source: str
    unsure: bool


class Treated(Struct, frozen=True):
    """Charges (paise) by their treatment: deducted from the gain, not deducted (STT), or doubtful and so not deducted."""

    deducted: Paise = 0
    not_deducted: Paise = 0
    doubtful: Paise = 0

    @property
    def total(self) -> Paise:
        """Return the sum in paise."""
        return self.deducted + self.not_deducted + self.doubtful

    def __add__(self, other: Treated) -> Treated:
        return Treated(self.deducted + other.deducted, self.not_deducted + other.not_deducted, self.doubtful + other.doubtful)


@cache
def rule(item: str, day: date) -> Rule:
    """Return the row of an item that is in force on a day. Raises UncoveredDate before its first row."""
    dated = _table()[item]
    index = bisect_right([row.since for row in dated], day) - 1
    if index < 0:
        raise UncoveredDate(f"no tax rule {item} is known before {dated[0].since} (requested: {day})")
    return dated[index]


def all_rules() -> tuple[Rule, ...]:
    """Return every row, in file order."""
    return tuple(row for rows in _table().values() for row in rows)


def rate(term: Term, day: date) -> Fraction:
    """Return the rate of short or long gains on a day, in percent."""
    return Fraction(rule(f"rate_{term}", day).value)


def exemption(day: date) -> Paise:
    """Return the yearly exemption (paise) of long gains in the financial year of a day."""
    return to_paise(rule("exemption_long", FinancialYear.of(day).last).value)


def treated(lines: Lines, day: date) -> Treated:
    """Return the charge lines (paise) of one fill by their treatment on a day."""
    sums = dict.fromkeys(("deducted", "not_deducted", "doubtful"), 0)
    for name in CHARGES:
        sums[rule(f"charge_{name}", day).value] += getattr(lines, name)
    return Treated(**sums)


def with_difference(charges: Treated, difference: Paise) -> Treated:
    """Return charges of which no table gives the total: what is more is doubtful, what is less was not deducted either."""
    if difference >= 0:
        return Treated(charges.deducted, charges.not_deducted, charges.doubtful + difference)
    deducted = max(0, charges.deducted + difference)
    return Treated(deducted, charges.not_deducted, charges.doubtful + difference + charges.deducted - deducted)


def is_long(acquired: date, sold: date) -> bool:
    """Return whether shares were held more than the months of `long_after`, by calendar months."""
    return sold > months_after(acquired, int(rule("long_after", sold).value))


def months_after(day: date, months: int) -> date:
    """Return the same day some months later, or the last day of that month if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        if last <= day.day:
            try:
                return date(year, month + 1, last)
            except ValueError:
                continue
    raise ValueError(f"{day} has no date {months} months later")


class FinancialYear(Struct, frozen=True, order=True):
    """A financial year: 1 April of `start` to 31 March."""

    start: int

    @classmethod
    def of(cls, day: date) -> FinancialYear:
        """Return the year of a day."""
        return cls(day.year if day.month >= 4 else day.year - 1)

    @classmethod
    def parse(cls, text: str) -> FinancialYear:
        """Return the year of a text such as `2025-26`. Raises UsageError for any other text."""
        head, dash, tail = text.strip().partition("-")
        if not (dash and len(head) == 4 and len(tail) == 2 and (head + tail).isascii() and (head + tail).isdecimal()):
            raise UsageError(f"{text!r} is not a financial year: write it as 2025-26")
        if (int(head) + 1) % 100 != int(tail):
            raise UsageError(f"{text!r} is not a financial year: {head} is followed by {(int(head) + 1) % 100:02d}")
        return cls(int(head))

    @property
    def first(self) -> date:
        """Return 1 April."""
        return date(self.start, 4, 1)

    @property
    def last(self) -> date:
        """Return 31 March."""
        return date(self.start + 1, 3, 31)

    @property
    def windows(self) -> tuple[tuple[date, date], ...]:
        """Return the five windows of advance tax as (first, last) days (casparser PR 144)."""
        year = self.start
        ends = (date(year, 6, 15), date(year, 9, 15), date(year, 12, 15), date(year + 1, 3, 15), self.last)
        starts = (self.first, date(year, 6, 16), date(year, 9, 16), date(year, 12, 16), date(year + 1, 3, 16))
        return tuple(zip(starts, ends, strict=True))

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.start}-{(self.start + 1) % 100:02d}"


@cache
def _table() -> dict[str, list[Rule]]:
    text = files("tradectl.tax").joinpath("rules.csv").read_text(encoding="utf-8")
    table: dict[str, list[Rule]] = {}
    for row in csv.DictReader(text.splitlines()):
        found = Rule(
            date.fromisoformat(row["since"]), row["item"], row["value"], row["unit"], row["source"], row["mark"] == "unsure"
        )
        table.setdefault(found.item, []).append(found)
    return {item: sorted(rows, key=lambda found: found.since) for item, rows in table.items()}
