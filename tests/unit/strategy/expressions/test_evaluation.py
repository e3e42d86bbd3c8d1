"""What an expression is worth on each bar: unknown values, scales, positions, places among symbols."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tests.unit.strategy.expressions.panels import history_of, numbers_of, truth_of
from tradectl.strategy.expressions.evaluation import BarCalculation, BarColumns, HeldCalculation, PositionFacts
from tradectl.strategy.expressions.parsing import parse_condition, parse_price

NAN = float("nan")
ONE = BarColumns.of([history_of([10, 12, 11, 15, 15])])


def column(text: str, bars: BarColumns = ONE) -> list[float]:
    return [round(value, 9) for value in numbers_of(text, bars)[:, 0].tolist()]


def truths(text: str, bars: BarColumns = ONE) -> str:
    """Return one letter a bar: `t`rue, `f`alse or `?`."""
    true, false = truth_of(text, bars)
    return "".join("t" if a else "f" if b else "?" for a, b in zip(true[:, 0], false[:, 0], strict=True))


def test_columns_are_rupees_shares_and_rupees() -> None:
    assert column("close") == [10, 12, 11, 15, 15]
    assert (column("high")[0], column("low")[0], column("volume")[0], column("turnover")[0]) == (11, 9, 1000, 10_000)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("prev(close, 1) == 10", "?tfff"),
        ("prev(close, 1) > 0 or close == 10", "ttttt"),
        ("prev(close, 1) > 0 and close == 99", "fffff"),
        ("not (prev(close, 1) < 1)", "?tttt"),
        ("not (prev(close, 2) >= 1)", "??fff"),
        ("not not (prev(close, 2) >= 1)", "??ttt"),
        ("close / 0 > 1", "?????"),
        ("close / (close - 11) > 0", "ft?tt"),
        ("10 < close <= 12", "fttff"),
        ("close == 15 or highest(close, 4) == 15", "???tt"),
        ("close != prev(close, 1)", "?tttf"),
        ("1 < 2", "ttttt"),
        ("cross(close, 11)", "?tftf"),
        ("cross(close, prev(close, 1))", "??ftf"),
    ],
)
def test_what_is_unknown_is_neither_true_nor_false(text: str, wanted: str) -> None:
    assert truths(text) == wanted


def test_arithmetic_and_windows() -> None:
    assert column("-(close + 2) * 3 / 2 - 1") == [-19, -22, -20.5, -26.5, -26.5]
    assert column("min(close, 12, 2 * open)") == [10, 12, 11, 12, 12]
    assert column("max(close, 12)") == [12, 12, 12, 15, 15]
    assert column("abs(close - 12)") == [2, 0, 1, 3, 3]
    assert np.array_equal(column("highest(close, 3)"), [NAN, NAN, 12, 15, 15], equal_nan=True)
    assert np.array_equal(column("lowest(close, 2)"), [NAN, 10, 11, 11, 15], equal_nan=True)
    assert np.array_equal(column("mean(close, 5)"), [NAN] * 4 + [12.6], equal_nan=True)
    assert np.array_equal(column("sma(2000)"), [NAN] * 5, equal_nan=True)


def test_after_a_split_a_plain_number_is_still_rupees_as_traded() -> None:
    """The shares are split 1:2 before the third bar. Averages use adjusted prices; 60 means rupees of the day."""
    split = BarColumns.of([history_of([100, 100, 50, 50], multiplier=[1, 1, 2, 2], volume=1000)])
    assert column("close", split) == [100, 100, 100, 100]
    assert truths("close > 60", split) == "ttff"
    assert truths("close < close + 1", split) == "tttt"
    assert column("close + 10", split) == [110, 110, 120, 120]
    assert truths("volume == 1000", split) == "tttt"
    assert truths("close == prev(close, 1)", split) == "?ttt"
    assert column("close * volume", split) == column("turnover", split)


def test_a_rank_is_the_place_among_the_symbols_of_a_session() -> None:
    bars = BarColumns.of(
        [
            history_of([5, 5, 5], name="A"),
            history_of([7, 4, 5], name="B"),
            history_of([9, 9], name="C", first=738_001),
            history_of([1, 1, 1, 1], name="D", first=738_002),
        ]
    )
    ranks = numbers_of("rank(close)", bars)
    assert ranks[:3, 0].tolist() == [2, 2, 2]
    assert ranks[:3, 1].tolist() == [1, 3, 2], "equal values share the better place"
    assert ranks[:2, 2].tolist() == [1, 1]
    assert ranks[:4, 3].tolist() == [4, 1, 1, 1]
    assert numbers_of("rank(-close)", bars)[:3, 1].tolist() == [2, 1, 2]


@pytest.mark.parametrize("text", ["rank(close)", "rank(-volume)", "rank(highest(close, 2))", "rank(ema(2))", "rank(close * 2)"])
def test_a_rank_does_not_depend_on_where_the_bars_begin(text: str) -> None:
    """A split before the first bar, or after it, gives another multiplier to the same prices."""
    other = history_of([500, 500, 500], name="B")
    ranks = [numbers_of(text, BarColumns.of([history_of([100, 100, 100], name="A", multiplier=[m] * 3), other])) for m in (1, 10)]
    assert np.array_equal(ranks[0], ranks[1], equal_nan=True)


def test_a_rank_counts_only_known_values() -> None:
    bars = BarColumns.of([history_of([5, 6, 7], name="A"), history_of([1, 2], name="B", first=738_001)])
    assert numbers_of("rank(prev(close, 1))", bars).tolist()[1][0] == 1
    assert np.array_equal(numbers_of("rank(prev(close, 1))", bars), [[NAN, NAN], [1, 2], [1, NAN]], equal_nan=True)


def test_facts_of_the_position_are_read_at_the_scale_of_the_bars() -> None:
    split = history_of([100, 100, 50, 50], multiplier=[1, 1, 2, 2])
    base = BarCalculation(BarColumns.of([split]))
    held = HeldCalculation(base, 0, 0, 4, PositionFacts(entry=90.0, entered=1))
    assert held.number(parse_price("entry + 10", "--stop")).tolist() == [100, 100, 110, 110]
    assert held.number(parse_price("close - 0 * days_held", "--stop")).tolist() == [100, 100, 100, 100]
    exits = parse_condition("days_held >= 2 or close < entry", "--exit", position=True)
    assert held.condition(exits)[0].tolist() == [False, False, False, True]
    part = HeldCalculation(base, 0, 2, 4, PositionFacts(entry=90.0, entered=1))
    assert part.condition(exits)[0].tolist() == [False, True]


def test_equal_parts_are_calculated_once() -> None:
    base = BarCalculation(ONE)
    first = parse_condition("sma(3) > 5", "--entry").operands[0]
    second = parse_condition("low > 1 and SMA( close , 3 ) > 5", "--exit").operands[1].operands[0]
    assert first == second
    assert base.number(first) is base.number(second)


def test_the_words_of_the_calendar_come_from_the_date_of_the_bar() -> None:
    first = date(2024, 1, 29)
    bars = BarColumns.of([history_of([100] * 40, first=first.toordinal()), history_of([100] * 3, first=first.toordinal())])
    days = [first + timedelta(number) for number in range(40)]
    for word, expected in (
        ("month", [day.month for day in days]),
        ("day", [day.day for day in days]),
        ("weekday", [day.isoweekday() for day in days]),
    ):
        assert numbers_of(word, bars)[:, 0].tolist() == expected
        assert numbers_of(word, bars)[:3, 1].tolist() == expected[:3]
        assert np.isnan(numbers_of(word, bars)[3:, 1]).all()
    new_month = truth_of("month != prev(month, 1)", bars)[0][:, 0]
    assert [day for day, new in zip(days, new_month.tolist(), strict=True) if new] == [date(2024, 2, 1), date(2024, 3, 1)]
