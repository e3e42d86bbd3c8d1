from __future__ import annotations

import math
from datetime import date

import pytest

from tests.support.world import PARAMETERS, reading
from tradectl.model.position import Trade
from tradectl.strategy.score import Verdict, backtest_score, combined, rank, strength, strength_parts, verdict


def trade(entry: date, leave: date, net: int, cost: int = 100_000) -> Trade:
    return Trade("MADE", entry, leave, 10, 10, cost // 10, (cost + net) // 10, net, 0, net)


def test_strength_is_the_sum_of_its_five_parts() -> None:
    parts = strength_parts(reading(), PARAMETERS)
    assert parts == pytest.approx({"oversold": 7.5, "trend": 20, "reward": 10, "volume": 7.5, "chart": 12})
    assert strength(reading(), PARAMETERS) == pytest.approx(57)


@pytest.mark.parametrize(
    ("changes", "part", "value"),
    [
        ({"rsi": 5.0}, "oversold", 30),
        ({"ema_slow_before_adjusted": 95.0}, "trend", 12),
        ({"ema_slow_before_adjusted": math.nan}, "trend", 12),
        ({"ema_slow_adjusted": 100.0}, "trend", 0),
        ({"ema_fast_adjusted": 99.0}, "reward", 0),
        ({"ema_fast_adjusted": 120.0}, "reward", 20),
        ({"volume_ratio": 0.5}, "volume", 0),
        ({"volume_ratio": 9.0}, "volume", 15),
        ({"quality": 100.0}, "chart", 15),
    ],
)
def test_each_part_has_its_bounds(changes: dict[str, object], part: str, value: float) -> None:
    assert strength_parts(reading(**changes), PARAMETERS)[part] == pytest.approx(value)


AS_OF = date(2024, 6, 28)


def test_without_trades_the_backtest_is_the_rules_average() -> None:
    assert backtest_score([], AS_OF, PARAMETERS) == ((50 + 75) / 2, 0, 0.0, 0.0)


def test_the_backtest_is_shrunk_towards_the_average() -> None:
    trades = [trade(date(2024, 1, d), date(2024, 2, d), net) for d, net in ((1, 2_000), (2, 4_000), (3, -3_000))]
    found = backtest_score(trades, AS_OF, PARAMETERS)
    win = (200 + 5 * 75) / 8
    net = (3 + 5 * 1) / 8
    assert found.score == pytest.approx((50 + 25 * (net - 1) + win) / 2)
    assert (found.k, found.win, found.net) == pytest.approx((3, 200 / 3, 1.0))


def test_a_disaster_is_bounded_below() -> None:
    trades = [trade(date(2024, 1, 1 + d), date(2024, 2, 1), -90_000) for d in range(20)]
    assert backtest_score(trades, AS_OF, PARAMETERS).score == pytest.approx((0 + 375 / 25) / 2)


def test_only_trades_of_the_last_years_that_are_closed_count() -> None:
    trades = [
        trade(date(2019, 6, 28), date(2019, 7, 1), 1),
        trade(date(2019, 6, 29), date(2019, 7, 1), 1),
        trade(date(2024, 6, 3), date(2024, 6, 28), 1),
        trade(date(2024, 6, 4), date(2024, 6, 29), 1),
    ]
    assert backtest_score(trades, AS_OF, PARAMETERS).k == 2
    assert backtest_score(trades, date(2024, 2, 29), PARAMETERS).k == 2


def test_what_one_buy_brought_is_one_trade_though_sold_in_parts() -> None:
    day = date(2024, 1, 1)
    parts = [trade(day, date(2024, 1, 5), 3_000, 50_000), trade(day, date(2024, 1, 9), -1_000, 50_000)]
    assert backtest_score(parts, AS_OF, PARAMETERS)[1:] == (1, 100.0, 2.0)


@pytest.mark.parametrize(
    ("score", "k", "expected"),
    [
        (65.0, 5, Verdict.STRONG_BUY),
        (65.0, 4, Verdict.BUY),
        (64.9, 9, Verdict.BUY),
        (50.0, 0, Verdict.BUY),
        (49.9, 9, Verdict.WATCH),
    ],
)
def test_verdicts(score: float, k: int, expected: Verdict) -> None:
    assert verdict(score, k, PARAMETERS) is expected


def test_combined_weighs_seven_to_three() -> None:
    assert combined(60, 40, PARAMETERS) == pytest.approx(54)


def test_rank_has_strong_buys_first_then_the_score_and_name() -> None:
    wanted = [
        rank(Verdict.STRONG_BUY, 66, "Z"),
        rank(Verdict.BUY, 90, "B"),
        rank(Verdict.BUY, 60, "A"),
        rank(Verdict.BUY, 60, "C"),
    ]
    assert sorted([wanted[2], wanted[0], wanted[3], wanted[1]]) == wanted
