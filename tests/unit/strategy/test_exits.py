from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.world import PARAMETERS
from tradectl.strategy.exits import entry_limit, rsi_exit_due, rsi_exit_price, target_price

PRICES = st.integers(100, 10_000_000)
TICKS = st.sampled_from([1, 5, 10, 50, 100, 500])


def test_the_target_is_the_live_average_rounded_up() -> None:
    assert target_price(100.0, 9_500, 5, PARAMETERS) == 9_900
    assert target_price(100.0, 9_501, 5, PARAMETERS) == 9_905
    assert target_price(100.01, 9_500, 1, PARAMETERS) == 9_901


@given(ema=PRICES, last=PRICES, tick=TICKS)
@example(ema=8_274_408, last=8_274_408, tick=1)
def test_the_target_is_the_exact_one(ema: int, last: int, tick: int) -> None:
    exact = Fraction(8, 10) * ema + Fraction(2, 10) * last
    assert target_price(ema / 100, last, tick, PARAMETERS) == -(-exact // tick) * tick


@given(ema=st.floats(1, 1e5), last=st.lists(PRICES, min_size=1, max_size=20), tick=TICKS)
def test_an_array_gives_what_its_prices_give_and_never_falls(ema: float, last: list[int], tick: int) -> None:
    found = target_price(ema, np.sort(np.array(last, dtype=np.int64)), tick, PARAMETERS)
    assert found.tolist() == [target_price(ema, price, tick, PARAMETERS) for price in sorted(last)]
    assert (np.diff(found) >= 0).all()


@given(close=PRICES, tick=TICKS)
def test_limits_are_exact_and_on_the_tick(close: int, tick: int) -> None:
    buy, sell = entry_limit(close, tick, PARAMETERS), rsi_exit_price(close, tick, PARAMETERS)
    assert buy % tick == sell % tick == 0
    assert buy * 1000 <= close * 1005 < (buy + tick) * 1000
    assert sell == tick or sell * 1000 <= close * 995 < (sell + tick) * 1000


def test_a_limit_that_lies_on_the_tick_is_not_rounded_away() -> None:
    assert entry_limit(20_000, 5, PARAMETERS) == 20_100
    assert entry_limit(100_000, 5, PARAMETERS) == 100_500


@pytest.mark.parametrize(("rsi", "due"), [(50.0, False), (50.01, True), (float("nan"), False)])
def test_the_rsi_exit_is_due_above_fifty(rsi: float, due: bool) -> None:
    assert rsi_exit_due(rsi, PARAMETERS) is due
