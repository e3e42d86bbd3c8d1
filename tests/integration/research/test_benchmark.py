"""Buy and hold of invented shares."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from tests.support.world import action, days, history
from tradectl.model.history import History
from tradectl.model.market import ActionKind
from tradectl.research.benchmark import buy_and_hold


def closing(closes: Sequence[int], *, first: int = 0, multiplier: Sequence[float] = ()) -> History:
    candles = [(close, close, close, close) for close in closes]
    return history(candles, days(first + len(closes))[first:], multiplier=multiplier)


def test_parts_are_equal_and_the_last_close_stays() -> None:
    halved_and_gone, doubled = closing([10_000, 5_000]), closing([200, 300, 400])
    found = buy_and_hold([(halved_and_gone, ()), (doubled, ())], days(3), 1_000)
    assert found is not None
    assert found.worth.tolist() == pytest.approx([1_000, 1_000, 1_250])
    assert (found.symbols, found.later) == (2, 0)


def test_a_split_changes_nothing_and_a_dividend_is_kept() -> None:
    split = action(ActionKind.SPLIT, days(2)[1], ratio=Fraction(2))
    dividend = action(ActionKind.DIVIDEND, days(3)[2], dividend=100)
    found = buy_and_hold([(closing([10_000, 5_000, 4_900], multiplier=[1, 2, 2]), (split, dividend))], days(3), 10_000)
    assert found is not None
    assert found.worth.tolist() == pytest.approx([10_000, 10_000, 10_000])


def test_who_comes_later_is_counted_and_left_out() -> None:
    found = buy_and_hold([(closing([100, 110]), ()), (closing([100], first=1), ())], days(2), 1_000)
    assert found is not None
    assert found.worth.tolist() == pytest.approx([1_000, 1_100])
    assert (found.symbols, found.later) == (1, 1)
    assert buy_and_hold([(closing([100], first=1), ())], days(2), 1_000) is None
