from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import pytest

from tests.support.world import PARAMETERS, days, history
from tradectl.model.history import History
from tradectl.strategy.features import Features, chart_quality, features

SOME = ("INFY", "RELIANCE", "TATASTEEL", "NESTLEIND")


@pytest.mark.parametrize("symbol", SOME)
def test_no_column_knows_a_later_bar(real_histories: Mapping[str, History], symbol: str) -> None:
    whole = real_histories[symbol]
    columns = features(whole, PARAMETERS)
    for end in (30, 60, 251, 900, len(whole) - 1):
        part = features(whole.through(whole.session(end - 1)), PARAMETERS)
        for item in fields(Features):
            assert np.array_equal(getattr(columns, item.name)[:end], getattr(part, item.name), equal_nan=True), item.name


@pytest.mark.parametrize("symbol", SOME)
def test_averages_are_those_of_the_fifty_bars_ending_here(real_histories: Mapping[str, History], symbol: str) -> None:
    bars = real_histories[symbol]
    columns = features(bars, PARAMETERS)
    for t in (49, 50, 700, len(bars) - 1):
        window = slice(t - 49, t + 1)
        volume = bars.volume / bars.multiplier
        turnover = sorted(int(c) * int(v) for c, v in zip(bars.close[window], bars.volume[window], strict=True))
        assert columns.volume_ratio[t] == pytest.approx(volume[t] / volume[window].mean(), rel=1e-9)
        assert columns.average_turnover[t] == sum(turnover) // 50
        assert columns.median_turnover[t] == (turnover[24] + turnover[25]) // 2
        assert columns.bars[t] == t + 1
    assert np.isnan(columns.volume_ratio[48])
    assert columns.median_turnover[48] == columns.average_turnover[48] == -1


def quality_by_hand(bars: History, t: int) -> float:
    """Return the chart quality by the written rule, bar by bar."""
    m = bars.multiplier
    o, h, low, c = (column * m for column in (bars.open, bars.high, bars.low, bars.close))
    sixty, thirty = range(t - 59, t + 1), range(t - 29, t + 1)
    points = 100.0
    gaps = sum(1 for i in sixty if i and (low[i] > h[i - 1] or h[i] < low[i - 1])) / 60
    points -= 30 if gaps > 0.25 else 15 if gaps > 0.10 else 0
    mean = sum((h[i] - low[i]) / c[i] for i in sixty) / 60
    price_range = max(h[i] for i in sixty) / min(low[i] for i in sixty) - 1
    points -= 25 if mean < 0.01 and price_range < 0.15 else 10 if mean < 0.02 else 0
    mean_range = sum(h[i] - low[i] for i in thirty) / 30
    extreme = sum(1 for i in thirty if abs(c[i] - o[i]) > 3 * mean_range or abs(c[i] - o[i]) > 0.05 * o[i]) / 30
    return points - (25 if extreme > 0.20 else 15 if extreme > 0.10 else 0)


@pytest.mark.parametrize("symbol", [*SOME, "ADANIENT", "YESBANK"])
def test_chart_quality_is_the_rule_read_aloud(real_histories: Mapping[str, History], symbol: str) -> None:
    bars = real_histories[symbol]
    quality = chart_quality(bars, PARAMETERS)
    assert np.isnan(quality[:59]).all()
    for t in range(59, len(bars), 23):
        assert quality[t] == quality_by_hand(bars, t), bars.session(t)


def test_a_jumping_chart_is_worth_less_than_a_calm_one() -> None:
    calm = [(10_000, 10_150, 9_850, 10_000)] * 70
    jumping = [(p, p + 10, p - 10, p) for i in range(70) for p in [10_000 + 600 * (i % 2)]]
    assert chart_quality(history(calm, days(70)), PARAMETERS)[-1] == 100
    assert chart_quality(history(jumping, days(70)), PARAMETERS)[-1] == 100 - 30 - 25


def test_a_split_changes_no_earlier_row_and_no_signal() -> None:
    rng = np.random.default_rng(4)
    closes = (100_000 * np.cumprod(1 + rng.normal(0, 0.02, 320))).astype(int) // 10 * 10
    plain = [(int(c), int(c) + 500, int(c) - 500, int(c)) for c in closes]
    split = plain[:300] + [(o // 10, h // 10, low // 10, c // 10) for o, h, low, c in plain[300:]]
    whole = features(history(plain, days(320)), PARAMETERS)
    after = features(history(split, days(320), multiplier=[1.0] * 300 + [10.0] * 20), PARAMETERS)
    assert np.array_equal(whole.rsi[:300], after.rsi[:300], equal_nan=True)
    assert after.rsi[300:] == pytest.approx(whole.rsi[300:])
    assert after.ema_slow[300:] == pytest.approx(whole.ema_slow[300:])
    assert np.array_equal(whole.quality[300:], after.quality[300:])


def test_a_reading_shows_levels_at_the_scale_of_its_session() -> None:
    bars = history([(1000, 1010, 990, 1000)] * 260, days(260), multiplier=[1.0] * 100 + [10.0] * 160)
    row = features(bars, PARAMETERS).reading(bars, 259)
    assert row.close == 1000
    assert row.close_adjusted == 100.0
    assert row.ema_fast == row.ema_fast_adjusted / 10
    assert row.session == bars.session(259)


def test_what_is_not_defined_is_none_in_json() -> None:
    bars = history([(1000, 1010, 990, 1000)] * 3, days(3))
    inputs = features(bars, PARAMETERS).reading(bars, 2).inputs()
    assert inputs["rsi"] is None
    assert json.loads(json.dumps(inputs, allow_nan=False)) == inputs


def test_money_in_the_inputs_of_a_decision_is_rupees() -> None:
    """`why` shows the inputs to a person, who would read 92570 paise as ninety thousand rupees."""
    bars = history([(92_000, 93_000, 91_000, 92_570)] * 60, days(60))
    inputs = features(bars, PARAMETERS).reading(bars, 59).inputs()
    assert inputs["close"] == "925.70"
    assert str(inputs["average_turnover"]).endswith(".00")
    assert features(bars, PARAMETERS).reading(bars, 2).inputs()["average_turnover"] is None


def test_the_fast_ema_is_given_at_the_scale_of_any_session(real_histories: Mapping[str, History]) -> None:
    bars = real_histories["INFY"]
    reading = features(bars, PARAMETERS).reading(bars, len(bars) - 1)
    assert reading.ema_fast_at(reading.multiplier) == reading.ema_fast
    assert reading.ema_fast_at(2 * reading.multiplier) == pytest.approx(reading.ema_fast / 2)
    assert reading.ema_fast_at(1.0) == reading.ema_fast_adjusted
