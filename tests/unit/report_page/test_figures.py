"""The figures of a report against another library's, and against sums made in another way."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest
from msgspec.structs import replace

from tests.support.report_content import CAPITAL, content, held, weekdays
from tradectl.report_page.calendar import calendar_of, month_rows
from tradectl.report_page.content import Day, TradeLine
from tradectl.report_page.figures import day_results, figures_of, trade_figures

LINE = held("ACME", date(2023, 7, 20))


def sold(net: int, session: date = date(2023, 7, 21), symbol: str = "ACME") -> TradeLine:
    return replace(LINE, symbol=symbol, exit_session=session, gross=net + 10, charges=10, net=net, cost=1000_00)


def test_ratios_and_drawdown_are_those_of_empyrical() -> None:
    empyrical = pytest.importorskip("empyrical", reason="empyrical-reloaded is not installed")
    report = content(700, 50)
    figures = figures_of(report)
    worth = np.array([report.before, *(day.equity for day in report.days)], dtype=float)
    returns = worth[1:] / worth[:-1] - 1
    assert figures.curve is not None
    assert figures.curve.sharpe == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9)
    assert figures.sortino == pytest.approx(empyrical.sortino_ratio(returns), rel=1e-9)
    assert figures.volatility == pytest.approx(empyrical.annual_volatility(returns), rel=1e-9)
    assert figures.curve.drawdown == pytest.approx(-empyrical.max_drawdown(returns), rel=1e-9)
    assert figures.growth == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-9)
    years = ((report.days[-1].session - report.days[0].session).days + 1) / 365.25
    yearly = empyrical.cagr(returns, annualization=len(returns) / years)
    assert figures.curve.cagr == pytest.approx(yearly, rel=1e-9)


def test_months_and_days_add_up_to_the_result() -> None:
    report = content(300, 20)
    figures = figures_of(report)
    assert sum(month.change for month in figures.months) == figures.change == report.days[-1].equity - CAPITAL
    assert sum(day.change for day in figures.days) == figures.change
    growth = np.prod([1 + month.growth for month in figures.months]) - 1
    assert growth == pytest.approx(figures.growth)
    assert [row.year for row in month_rows(figures.months)] == [2019, 2018]
    assert sum(row.change for row in month_rows(figures.months)) == figures.change


def test_trades_add_up_by_symbol_and_by_result() -> None:
    report = content(250, 500)
    figures = figures_of(report)
    assert sum(item.net for item in figures.symbols) == sum(trade.net for trade in report.trades) == figures.trades.net
    assert Counter({item.symbol: item.trades for item in figures.symbols}) == Counter(trade.symbol for trade in report.trades)
    assert sum(bucket.count for bucket in figures.buckets) == 500
    for bucket in figures.buckets:
        low, high = -np.inf if bucket.low is None else bucket.low, np.inf if bucket.high is None else bucket.high
        assert bucket.count == sum(low <= trade.percent < high for trade in report.trades)


def test_a_streak_is_the_longest_run_of_one_sign() -> None:
    figures = trade_figures([sold(net) for net in (5, 6, -1, 7, 0, 8, 9, 10, -2, -3)])
    assert (figures.winning.trades, figures.winning.net) == (3, 27)
    assert (figures.losing.trades, figures.losing.net) == (2, -5)
    assert (figures.best.net if figures.best else 0, figures.worst.net if figures.worst else 0) == (10, -3)
    assert figures.profit_factor == pytest.approx(45 / 6)


def test_a_report_without_a_trade_has_no_ratio_of_trades() -> None:
    figures = figures_of(content(1, 0))
    assert figures.trades.win_rate is figures.trades.profit_factor is figures.trades.average_percent is figures.sortino is None
    assert figures.trades.best is None
    assert figures.symbols == ()


def test_a_calendar_has_each_session_in_its_week() -> None:
    days = [Day(day, CAPITAL + 100 * (place % 3 - 1), 0, 0) for place, day in enumerate(weekdays(45, date(2023, 7, 3)))]
    days[10] = replace(days[10], session=date(2023, 7, 15))  # a Saturday
    tables = calendar_of(day_results(CAPITAL, sorted(days, key=lambda day: day.session)))
    assert [table.title for table in tables] == ["July 2023", "August 2023", "September 2023"]
    assert [len(table.weekdays) for table in tables] == [7, 5, 5]
    for table in tables:
        for week in table.weeks:
            for weekday, cell in enumerate(week):
                if cell is not None and cell.result is not None:
                    assert (cell.result.session.weekday(), cell.result.session.day) == (weekday, cell.number)
    shown = [cell.result.session for table in tables for week in table.weeks for cell in week if cell and cell.result]
    assert shown == sorted(day.session for day in days)
