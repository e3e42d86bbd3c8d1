from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tradectl.model.price_path import Path, daily_path, minute_path


@st.composite
def candles(draw: st.DrawFn) -> tuple[int, int, int, int]:
    low = draw(st.integers(1, 100_000))
    high = low + draw(st.integers(0, 20_000))
    return draw(st.integers(low, high)), high, low, draw(st.integers(low, high))


def test_a_daily_path_visits_the_nearer_extreme_first() -> None:
    low_first = daily_path(10_000, 10_300, 9_900, 10_100, 375)
    assert [low_first.price_at(60 * m) for m in (0, 125, 250, 375)] == [10_000, 9_900, 10_300, 10_100]
    high_first = daily_path(10_000, 10_100, 9_800, 9_900, 375)
    assert [high_first.price_at(60 * m) for m in (0, 125, 250, 375)] == [10_000, 10_100, 9_800, 9_900]
    tie = daily_path(10_000, 10_100, 9_900, 10_000, 360)
    assert tie.price_at(60 * 120) == 9_900


def test_turns_fall_on_steps() -> None:
    path = daily_path(10_000, 10_300, 9_900, 10_100, 375, step=15)
    assert path.price_at(60 * 120) == 9_900
    assert path.price_at(60 * 240) == 10_300


def test_in_a_short_session_the_turns_stay_at_its_thirds() -> None:
    assert daily_path(1, 2, 1, 2, 60, step=30).seconds == daily_path(1, 2, 1, 2, 60).seconds == [0, 1200, 2400, 3600]


def test_outside_its_corners_a_price_stands_still() -> None:
    path = Path([(10, 100), (20, 200)])
    assert [path.price_at(s) for s in (0, 10, 15, 20, 99)] == [100, 100, 150, 200, 200]


def first(path: Path, test: Callable[[int], bool], a: int, b: int) -> int | None:
    return next((second for second in range(a, b + 1) if test(path.price_at(second))), None)


@settings(max_examples=60)
@given(candle=candles(), minutes=st.integers(3, 12), data=st.data())
def test_a_daily_path_answers_what_its_seconds_say(candle: tuple[int, int, int, int], minutes: int, data: st.DataObject) -> None:
    opened, high, low, close = candle
    path = daily_path(opened, high, low, close, minutes)
    a = data.draw(st.integers(0, 60 * minutes))
    b = data.draw(st.integers(a, 60 * minutes))
    price = data.draw(st.integers(low - 2, high + 2))
    prices = [path.price_at(second) for second in range(a, b + 1)]
    assert low <= min(prices) <= max(prices) <= high
    assert path.low_between(a, b) == min(prices)
    assert path.high_between(a, b) == max(prices)
    assert path.first_at_or_below(price, a, b) == first(path, lambda x: x <= price, a, b)
    assert path.first_at_or_above(price, a, b) == first(path, lambda x: x >= price, a, b)
    assert {opened, high, low, close} <= {path.price_at(second) for second in range(60 * minutes + 1)}


@given(candle=candles())
def test_each_line_goes_one_way(candle: tuple[int, int, int, int]) -> None:
    path = daily_path(*candle, 6)
    for start in (0, 120, 240):
        prices = [path.price_at(second) for second in range(start, start + 121)]
        assert prices in (sorted(prices), sorted(prices, reverse=True))


def test_no_time_has_no_first() -> None:
    assert daily_path(10, 20, 5, 15, 375).first_at_or_above(10, 100, 99) is None


def test_minute_bars_keep_their_corners_and_gaps_stand_still() -> None:
    path = minute_path([(0, 1010, 1018, 1000, 1015, 9), (3, 1030, 1040, 1025, 1026, 9)], day_open=1005)
    assert [path.price_at(s) for s in (0, 1, 20, 40, 59)] == [1005, 1010, 1018, 1000, 1015]
    assert [path.price_at(s) for s in (60, 120, 179)] == [1015, 1015, 1015]
    assert [path.price_at(s) for s in (180, 200, 220, 239, 999)] == [1030, 1025, 1040, 1026, 1026]


def test_before_the_first_minute_the_open_holds() -> None:
    path = minute_path([(2, 990, 995, 985, 992, 9)], day_open=1000)
    assert [path.price_at(s) for s in (0, 119, 120)] == [1000, 1000, 990]


def test_a_day_without_minutes_stands_at_its_open() -> None:
    assert minute_path([], day_open=1000).price_at(5_000) == 1000


@given(candle=candles(), minutes=st.integers(3, 12), data=st.data())
def test_the_extremes_until_a_second_are_those_from_the_first(
    candle: tuple[int, int, int, int], minutes: int, data: st.DataObject
) -> None:
    opened, high, low, close = candle
    for path in (daily_path(opened, high, low, close, minutes), Path([(30, opened), (60, low), (90, high)])):
        second = data.draw(st.integers(0, 60 * minutes))
        assert path.until(second) == (path.low_between(0, second), path.high_between(0, second), path.price_at(second))
