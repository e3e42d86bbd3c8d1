"""The figures of an account's worth, by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tests.strategy.world import days
from tradectl.backtest.curve import curve_figures


def test_growth_and_the_deepest_fall_with_its_span() -> None:
    found = curve_figures(days(6), [100, 120, 90, 110, 130, 125])
    assert found.growth == pytest.approx(0.25)
    assert found.drawdown == pytest.approx(0.25)
    assert (found.drawdown_from, found.drawdown_to) == (days(6)[1], days(6)[2])


def test_a_year_is_needed_for_a_growth_a_year() -> None:
    start = date(2023, 1, 2)
    two_years = curve_figures([start, start + timedelta(days=730)], [100, 121])
    assert two_years.cagr == pytest.approx(1.21 ** (365.25 / 730) - 1)
    assert curve_figures([start, start + timedelta(days=300)], [100, 121]).cagr is None


def test_sharpe_is_of_daily_returns() -> None:
    returns = np.array([0.01, -0.005] * 15)
    worth = [100.0, *(100 * np.cumprod(1 + returns)).tolist()]
    expected = returns.mean() / returns.std(ddof=1) * 252**0.5
    assert curve_figures(days(31), worth).sharpe == pytest.approx(expected)


@pytest.mark.parametrize("worth", [[100.0] * 40, [100.0, 101.0]], ids=["never moved", "two sessions"])
def test_what_cannot_be_said_is_none(worth: list[float]) -> None:
    found = curve_figures(days(len(worth)), worth)
    assert (found.sharpe, found.cagr, found.drawdown, found.drawdown_from, found.drawdown_to) == (None, None, 0, None, None)
