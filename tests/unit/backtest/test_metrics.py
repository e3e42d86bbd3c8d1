from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tests.support.world import days as sessions
from tradectl.backtest.metrics import curve_figures, max_drawdown, net_percent, statistics
from tradectl.model.position import Trade


def trade(net: int, days: int = 5) -> Trade:
    return Trade(
        "MADE", date(2024, 1, 1), date(2024, 1, 1 + days), 10, 10, 10_000, (100_000 + net + 300) // 10, net + 300, 300, net
    )


def test_statistics_of_a_few_trades() -> None:
    found = statistics([trade(2_000), trade(1_000, 7), trade(-1_500, 3)])
    assert (found.trades, found.wins, found.gross, found.charges, found.net) == (3, 2, 2_400, 900, 1_500)
    assert found.win_rate == pytest.approx(200 / 3)
    assert found.profit_factor == pytest.approx(2)
    assert (found.best_percent, found.worst_percent, found.average_percent) == pytest.approx((2, -1.5, 0.5))
    assert found.average_days == 5


def test_no_trades_divide_nothing() -> None:
    found = statistics([])
    assert found.trades == 0
    assert found.win_rate is found.profit_factor is found.average_percent is found.average_days is None


def test_no_loser_has_no_profit_factor() -> None:
    assert statistics([trade(10)]).profit_factor is None


def test_net_percent_is_of_the_cost() -> None:
    assert net_percent(trade(-2_500)) == pytest.approx(-2.5)


@pytest.mark.parametrize(
    ("equity", "share"), [([], 0), ([100], 0), ([100, 120, 150], 0), ([100, 80, 200, 150, 190, 120, 300], 0.4), ([0, -5], 0)]
)
def test_the_drawdown_is_the_deepest_fall_from_a_high(equity: list[int], share: float) -> None:
    assert max_drawdown(equity) == pytest.approx(share)


def test_growth_and_the_deepest_fall_with_its_span() -> None:
    found = curve_figures(sessions(6), [100, 120, 90, 110, 130, 125])
    assert found.growth == pytest.approx(0.25)
    assert found.drawdown == pytest.approx(0.25)
    assert (found.drawdown_from, found.drawdown_to) == (sessions(6)[1], sessions(6)[2])


def test_a_year_is_needed_for_a_growth_a_year() -> None:
    start = date(2023, 1, 2)
    two_years = curve_figures([start, start + timedelta(days=730)], [100, 121])
    assert two_years.cagr == pytest.approx(1.21 ** (365.25 / 730) - 1)
    assert curve_figures([start, start + timedelta(days=300)], [100, 121]).cagr is None


def test_sharpe_is_of_daily_returns() -> None:
    returns = np.array([0.01, -0.005] * 15)
    worth = [100.0, *(100 * np.cumprod(1 + returns)).tolist()]
    expected = returns.mean() / returns.std(ddof=1) * 252**0.5
    assert curve_figures(sessions(31), worth).sharpe == pytest.approx(expected)


@pytest.mark.parametrize("worth", [[100.0] * 40, [100.0, 101.0]], ids=["never moved", "two sessions"])
def test_what_cannot_be_said_is_none(worth: list[float]) -> None:
    found = curve_figures(sessions(len(worth)), worth)
    assert (found.sharpe, found.cagr, found.drawdown, found.drawdown_from, found.drawdown_to) == (None, None, 0, None, None)
