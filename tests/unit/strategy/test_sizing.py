from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world import CRORE, PARAMETERS
from tradectl.exchange.charges import buy_charges
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.strategy.sizing import Sizing, size, worth_changing

DAY = date(2024, 6, 3)


def cost(quantity: int, price: int) -> int:
    return quantity * price + buy_charges(DAY, quantity, price)


@given(
    price=st.integers(1, 2_000_000),
    premium=st.integers(0, 5_000),
    funds=st.integers(-(10**6), 3 * 10**7),
    turnover=st.integers(-1, 20 * CRORE),
    capital=st.integers(1, 300_000),
)
def test_it_is_the_largest_quantity_that_every_limit_allows(
    price: int, premium: int, funds: int, turnover: int, capital: int
) -> None:
    parameters = replace(PARAMETERS, capital_per_trade=capital, max_order_value=150_000)
    limit = price + premium

    def fits(quantity: int) -> bool:
        within = cost(quantity, price) <= min(capital, 150_000) * 100 and quantity * price * 10 <= turnover
        return within and cost(quantity, limit) <= funds

    found = size(price, session=DAY, parameters=parameters, average_turnover=turnover, funds=funds, limit_price=limit)
    assert found.quantity == 0 or fits(found.quantity)
    assert not fits(found.quantity + 1)
    assert (found.refusal is None) is (found.quantity > 0)


def test_charges_are_part_of_the_capital() -> None:
    found = size(10_000, session=DAY, parameters=PARAMETERS, average_turnover=100 * CRORE)
    assert found == Sizing(998)
    assert cost(998, 10_000) <= 10_000_000 < cost(999, 10_000)


@pytest.mark.parametrize(
    ("price", "turnover", "funds", "reason"),
    [
        (10_000_001, 100 * CRORE, None, "capital_per_trade"),
        (10_000, 99_999, None, "turnover"),
        (10_000, -1, None, "turnover"),
        (10_000, 100 * CRORE, 10_000, "funds"),
        (10_000, 100 * CRORE, -5, "funds"),
        (0, 100 * CRORE, None, "price"),
    ],
)
def test_none_names_the_limit_that_binds(price: int, turnover: int, funds: int | None, reason: str) -> None:
    found = size(price, session=DAY, parameters=PARAMETERS, average_turnover=turnover, funds=funds)
    assert found == Sizing(0, Refusal(RefusalCode(reason)))


def test_funds_are_asked_at_the_limit_and_the_rest_at_the_price() -> None:
    rich = size(9_000, session=DAY, parameters=PARAMETERS, average_turnover=100 * CRORE, funds=10**9, limit_price=10_000)
    assert rich == size(9_000, session=DAY, parameters=PARAMETERS, average_turnover=100 * CRORE)
    poor = size(
        9_000, session=DAY, parameters=PARAMETERS, average_turnover=100 * CRORE, funds=cost(50, 10_000), limit_price=10_000
    )
    assert poor == Sizing(50)


@pytest.mark.parametrize(
    ("current", "wanted", "worth"),
    [(10, 10, False), (10, 11, True), (50, 51, True), (51, 52, False), (100, 101, False), (100, 98, True), (101, 103, False)],
)
def test_a_new_quantity_is_sent_from_two_percent_and_one_share(current: int, wanted: int, worth: bool) -> None:
    assert worth_changing(current, wanted, PARAMETERS) is worth
