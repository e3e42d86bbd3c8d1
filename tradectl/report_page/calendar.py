"""Arrange results by month and by day for the tables of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from tradectl.model.money import Paise
from tradectl.report_page.figures import DayResult, Month

SMALL, LARGE = 0.002, 0.01
"""The sizes of a day's result at which its shade changes, as fractions of the equity."""


class YearRow(Struct, frozen=True):
    """A year: twelve months (None without a session), its change in paise, and its growth as a fraction."""

    year: int
    months: tuple[Month | None, ...]
    change: Paise
    growth: float


class Cell(Struct, frozen=True):
    """One date of a calendar. `shade` is a CSS class; empty for a date without a session."""

    number: int
    result: DayResult | None
    shade: str


class MonthTable(Struct, frozen=True):
    """A month: its weeks from Monday to Friday, or to Sunday if it has a session at a weekend. None is outside the month."""

    title: str
    weekdays: tuple[str, ...]
    weeks: tuple[tuple[Cell | None, ...], ...]


def month_rows(months: Sequence[Month]) -> tuple[YearRow, ...]:
    """Return the months by year, the newest year first."""
    by_year: dict[int, dict[int, Month]] = defaultdict(dict)
    for month in months:
        by_year[month.year][month.month] = month
    found = []
    for year, own in by_year.items():
        growth = 1.0
        for month in own.values():
            growth *= 1 + month.growth
        change = sum(month.change for month in own.values())
        found.append(YearRow(year, tuple(own.get(number) for number in range(1, 13)), change, growth - 1))
    return tuple(reversed(found))


def calendar_of(days: Sequence[DayResult]) -> tuple[MonthTable, ...]:
    """Return a table for each month with a session, oldest first."""
    by_month: dict[tuple[int, int], dict[int, DayResult]] = defaultdict(dict)
    for item in days:
        by_month[(item.session.year, item.session.month)][item.session.day] = item
    return tuple(_month(year, month, own) for (year, month), own in by_month.items())


def _month(year: int, month: int, results: dict[int, DayResult]) -> MonthTable:
    import calendar

    width = 7 if any(item.session.weekday() > 4 for item in results.values()) else 5
    weeks = [
        tuple(_cell(number, results.get(number)) if number else None for number in week[:width])
        for week in calendar.monthcalendar(year, month)
        if any(week[:width])
    ]
    names = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")[:width]
    return MonthTable(f"{date(year, month, 1):%B %Y}", names, tuple(weeks))


def _cell(number: int, result: DayResult | None) -> Cell:
    if result is None:
        return Cell(number, None, "")
    size = abs(result.growth)
    level = 0 if result.change == 0 else 1 if size < SMALL else 2 if size < LARGE else 3
    return Cell(number, result, f"{'g' if result.change > 0 else 'l'}{level}" if level else "zero")
