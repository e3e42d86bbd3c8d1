"""Charges by arrays are those of `charges`, to the paisa, and the most affordable quantity is that of sizing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.errors import UncoveredDate
from tradectl.exchange.charge_rows import by_rates, most_affordable, side_charges
from tradectl.exchange.charges import buy_charges, day_charges
from tradectl.exchange.rates import TITLES, ZERODHA, rates, shipped
from tradectl.model.order import Fill, Side

quantities = st.integers(1, 100_000)
prices = st.integers(5, 5_000_000)
sessions = st.dates(date(2018, 1, 1), date(2026, 12, 31))


def fills(day: date, quantity: int, price: int, *sides: Side) -> list[Fill]:
    at = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    return [Fill(str(side), "MADE", side, quantity, price, day, at, i) for i, side in enumerate(sides, 1)]


@given(sessions, quantities, prices)
def test_each_side_costs_what_its_day_costs(day: date, quantity: int, price: int) -> None:
    values, table = np.array([quantity * price]), rates(day)
    for side in Side:
        assert side_charges(side, values, table)[0] == day_charges(day, fills(day, quantity, price, side)).total
    both = day_charges(day, fills(day, quantity, price, Side.BUY, Side.SELL))
    assert side_charges(Side.BUY, values, table, intraday=True)[0] == both.buy.total
    assert side_charges(Side.SELL, values, table, intraday=True)[0] == both.sell.total


@given(sessions, st.lists(st.tuples(st.integers(0, 10**9), prices), min_size=1, max_size=20))
def test_one_share_more_would_not_be_affordable(day: date, asked: list[tuple[int, int]]) -> None:
    amounts, each = (np.array(column) for column in zip(*asked, strict=True))
    for amount, price, found in zip(amounts, each, most_affordable(amounts, each, rates(day)), strict=True):
        quantity = int(found)
        assert quantity == 0 or quantity * price + buy_charges(day, quantity, int(price)) <= amount
        assert (quantity + 1) * price + buy_charges(day, quantity + 1, int(price)) > amount


@pytest.mark.parametrize("name", TITLES)
def test_every_day_is_in_the_group_of_its_own_rates(name: str) -> None:
    tariff = shipped(name)
    days = np.arange(tariff.changes[0].toordinal(), date(2027, 1, 1).toordinal())[::-1]
    groups = by_rates(days, tariff)
    assert sorted(np.concatenate([rows for _, rows in groups]).tolist()) == list(range(len(days)))
    for table, rows in groups:
        assert all(tariff.rates(date.fromordinal(day)) == table for day in days[rows].tolist())


def test_no_days_have_no_rates_and_an_uncovered_day_is_refused() -> None:
    assert by_rates(np.empty(0, dtype=np.int64), ZERODHA) == []
    before = ZERODHA.changes[0].toordinal() - 1
    with pytest.raises(UncoveredDate):
        by_rates(np.array([before]), ZERODHA)
