"""Divide time into the periods of accounts: days, ISO weeks, months and India's financial years (April to March)."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum

from msgspec import Struct


class Length(StrEnum):
    """The length of a period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    FINANCIAL_YEAR = "financial-year"


class Period(Struct, frozen=True, order=True):
    """A span of days, both ends included. `label`: `2023-07-21`, `2023-W29`, `2023-07` or `2023-24`."""

    first: date
    last: date
    label: str


def period_of(day: date, length: Length) -> Period:
    """Return the period of a length that contains a day."""
    if length is Length.DAY:
        return Period(day, day, day.isoformat())
    if length is Length.WEEK:
        year, week, weekday = day.isocalendar()
        monday = day - timedelta(days=weekday - 1)
        return Period(monday, monday + timedelta(days=6), f"{year}-W{week:02d}")
    if length is Length.MONTH:
        first = day.replace(day=1)
        return Period(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1), f"{day:%Y-%m}")
    return financial_year(day)


def financial_year(day: date) -> Period:
    """Return the financial year (1 April to 31 March) that contains a day."""
    year = day.year if day.month >= 4 else day.year - 1
    return Period(date(year, 4, 1), date(year + 1, 3, 31), f"{year}-{(year + 1) % 100:02d}")
