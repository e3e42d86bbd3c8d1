"""Walk-forward: test spans follow their train spans without a gap."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from tradectl.backtest.context import Span
from tradectl.errors import UsageError
from tradectl.research.walk_forward import Split, split, years_of


def test_three_years_are_trained_and_the_next_one_judged() -> None:
    assert split(Span(date(2018, 1, 1), date(2022, 6, 30)), 3, 1) == (
        Split(Span(date(2018, 1, 1), date(2020, 12, 31)), Span(date(2021, 1, 1), date(2021, 12, 31))),
        Split(Span(date(2019, 1, 1), date(2021, 12, 31)), Span(date(2022, 1, 1), date(2022, 6, 30))),
    )


@pytest.mark.parametrize(("train", "test"), [(1, 1), (2, 1), (3, 2), (1, 3)])
def test_test_spans_join_and_never_meet_their_train_span(train: int, test: int) -> None:
    whole = Span(date(2016, 2, 29), date(2025, 3, 31))
    found = split(whole, train, test)
    assert found[-1].test.last == whole.last
    for one in found:
        assert one.train.last + timedelta(days=1) == one.test.first
        assert one.train.first < one.train.last
    for before, after in pairwise(found):
        assert before.test.last + timedelta(days=1) == after.test.first


def test_a_span_that_is_too_short_has_no_split() -> None:
    assert split(Span(date(2020, 1, 1), date(2022, 12, 31)), 3, 1) == ()
    assert len(split(Span(date(2020, 1, 1), date(2023, 1, 1)), 3, 1)) == 1


def test_years_are_written_train_and_test() -> None:
    assert years_of("3:1") == (3, 1)
    for text in ("3", "0:1", "3:0", "3:1:1", "a:b", "", "1.5:1"):
        with pytest.raises(UsageError):
            years_of(text)
