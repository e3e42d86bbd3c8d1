"""The effect of corporate actions on a sell's price: it moves to the scale of the later session, up to the tick."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.exchange.corporate_actions import rescaled


@pytest.mark.parametrize(
    ("price", "before", "after", "tick", "found"),
    [
        (10005, 1.0, 1.0, 5, 10005),
        (10005, 1.0, 2.0, 5, 5005),  # 5002.5: a bonus of 1:1
        (10005, 2.0, 10.0, 1, 2001),  # a split after the bonus
        (10005, 5.0, 1.0, 10, 50030),  # 50025: a consolidation
    ],
)
def test_a_price_moves_to_the_later_scale_and_up_to_its_tick(price, before, after, tick, found):
    assert rescaled(price, before, after, tick) == found


@given(
    price=st.integers(1, 10**8),
    before=st.floats(0.01, 100),
    after=st.floats(0.01, 100),
    tick=st.sampled_from([1, 5, 10, 50, 100]),
)
def test_a_rescaled_price_is_rounded_up_to_the_tick(price, before, after, tick):
    found, exact = rescaled(price, before, after, tick), Fraction(price) * Fraction(before) / Fraction(after)
    assert found % tick == 0
    assert found - tick < exact <= found
