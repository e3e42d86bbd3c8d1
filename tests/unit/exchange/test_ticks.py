"""Tick sizes by date and month-end close, and rounding to them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.errors import UncoveredDate
from tradectl.exchange.tick_rows import tick_sizes
from tradectl.exchange.ticks import on_tick, round_down, round_up, tick_size


@pytest.mark.parametrize(
    ("session", "close", "tick"),
    [
        (date(2018, 1, 1), 10000, 5),
        (date(2024, 6, 7), 24999, 5),
        (date(2024, 6, 10), 24999, 1),
        (date(2024, 6, 10), 25000, 5),
        (date(2025, 4, 11), 2500000, 5),
        (date(2025, 4, 15), 24999, 1),
        (date(2025, 4, 15), 25000, 5),
        (date(2025, 4, 15), 100000, 5),
        (date(2025, 4, 15), 100001, 10),
        (date(2025, 4, 15), 500000, 10),
        (date(2025, 4, 15), 500001, 50),
        (date(2025, 4, 15), 1000000, 50),
        (date(2025, 4, 15), 1000001, 100),
        (date(2025, 4, 15), 2000000, 100),
        (date(2026, 12, 31), 2000001, 500),
    ],
)
def test_the_tick_follows_the_date_and_the_month_end_close(session, close, tick):
    assert tick_size(session, close) == tick


def test_a_date_before_the_table_is_refused():
    with pytest.raises(UncoveredDate, match="2018-01-01"):
        tick_size(date(2017, 12, 29), 10000)


@given(price=st.integers(0, 10**8), tick=st.sampled_from([1, 5, 10, 50, 100, 500]))
def test_rounding_ends_on_the_tick_and_moves_less_than_one(price, tick):
    down, up = round_down(price, tick), round_up(price, tick)
    assert on_tick(down, tick)
    assert on_tick(up, tick)
    assert price - tick < down <= price <= up < price + tick
    assert (down == up) == on_tick(price, tick)


def test_many_ticks_are_those_of_one_session_each() -> None:
    days = [date(2018, 1, 1), date(2024, 6, 9), date(2024, 6, 10), date(2025, 4, 14), date(2025, 4, 15), date(2026, 1, 2)]
    closes = [100, 24_999, 25_000, 99_999, 100_000, 100_001, 2_000_001]
    pairs = [(day, close) for day in days for close in closes]
    found = tick_sizes(np.array([day.toordinal() for day, _ in pairs]), np.array([close for _, close in pairs]))
    assert found.tolist() == [tick_size(day, close) for day, close in pairs]


def test_many_ticks_before_the_table_are_unknown() -> None:
    with pytest.raises(UncoveredDate):
        tick_sizes(np.array([date(2017, 12, 29).toordinal()]), np.array([100]))
