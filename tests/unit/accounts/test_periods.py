"""Periods of accounts: a day belongs to one period of each length."""

from __future__ import annotations

from datetime import date

import pytest

from tradectl.accounts.periods import Length, Period, period_of


@pytest.mark.parametrize(
    ("day", "label", "first", "last"),
    [
        (date(2024, 3, 31), "2023-24", date(2023, 4, 1), date(2024, 3, 31)),
        (date(2024, 4, 1), "2024-25", date(2024, 4, 1), date(2025, 3, 31)),
        (date(1999, 12, 31), "1999-00", date(1999, 4, 1), date(2000, 3, 31)),
    ],
)
def test_a_financial_year_runs_from_april_to_march(day: date, label: str, first: date, last: date) -> None:
    assert period_of(day, Length.FINANCIAL_YEAR) == Period(first, last, label)


def test_the_last_days_of_a_year_may_be_in_the_next_years_week() -> None:
    assert period_of(date(2024, 12, 31), Length.WEEK) == Period(date(2024, 12, 30), date(2025, 1, 5), "2025-W01")


def test_a_month_ends_with_its_last_day() -> None:
    assert period_of(date(2024, 2, 29), Length.MONTH) == Period(date(2024, 2, 1), date(2024, 2, 29), "2024-02")
    assert period_of(date(2023, 12, 5), Length.MONTH).last == date(2023, 12, 31)
