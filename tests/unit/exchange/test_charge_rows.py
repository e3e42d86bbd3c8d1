"""Charges by arrays are those of `charges`, to the paisa, and the most affordable quantity is that of sizing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradectl.exchange.charge_rows import most_affordable, side_charges
from tradectl.exchange.charges import buy_charges, day_charges
from tradectl.exchange.rates import rates
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
