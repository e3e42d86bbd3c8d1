"""Times of fills: many daily paths at once, and a walk along minute bars that skips the minutes without an event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tradectl.backtest import session
from tradectl.backtest.session import SessionPlan, walk
from tradectl.model.price_path import MINUTE, MinuteBar, daily_path, minute_path
from tradectl.research.line_engine.fill_times import Paths
from tradectl.strategy.parameters import Parameters

PRICES = st.integers(100, 140)


@settings(max_examples=300, deadline=None)
@given(PRICES, PRICES, PRICES, PRICES, st.sampled_from([3, 45, 60, 374, 375]), st.integers(95, 145), st.integers(0, 375 * 60))
def test_fill_times_of_many_paths_are_those_of_one(
    opened: int, first: int, second: int, close: int, minutes: int, level: int, begin: int
) -> None:
    bar = opened, max(opened, first, second, close), min(opened, first, second, close), close
    begins = np.array([0, begin % (minutes * MINUTE), minutes // 3 * MINUTE, minutes * 2 // 3 * MINUTE])
    many = Paths.of(np.array([bar] * 4).T, np.full(4, minutes))
    path, end, levels = daily_path(*bar, minutes), minutes * MINUTE, np.full(4, level)
    above = [path.first_at_or_above(level, at, end) for at in begins.tolist()]
    below = [path.first_at_or_below(level, at, end) for at in begins.tolist()]
    assert many.first_at_or_above(levels, begins).tolist() == [-1 if second is None else second for second in above]
    assert many.first_at_or_below(levels, begins).tolist() == [-1 if second is None else second for second in below]


@st.composite
def minute_bars(draw: st.DrawFn) -> list[MinuteBar]:
    price, bars = 10_000, []
    for minute in sorted(draw(st.sets(st.integers(0, 59), min_size=1, max_size=40))):
        opened = price + draw(st.integers(-15, 15))
        price = opened + draw(st.integers(-30, 30))
        high, low = max(opened, price) + draw(st.integers(0, 9)), min(opened, price) - draw(st.integers(0, 9))
        bars.append((minute, opened, high, low, price, 1))
    return bars


@settings(max_examples=200, deadline=None)
@given(
    minute_bars(),
    st.booleans(),
    st.none() | st.integers(-200, 150),
    st.none() | st.integers(-20, 200),
    st.none() | st.integers(-200, 20),
    st.sampled_from([1, 5]),
)
def test_a_walk_that_skips_quiet_minutes_gives_the_same(
    bars: list[MinuteBar], held: bool, limit: int | None, target: int | None, stop: int | None, step: int
) -> None:
    path = minute_path(bars, bars[0][1] + 3)
    plan = SessionPlan(held=5 * held, ema_level=0.0, tick=5, fixed_target=1 << 62 if target is None else 10_000 + target)
    if stop is not None:
        plan = replace(plan, stop=10_000 + stop)
    if limit is not None:
        plan = replace(plan, buy_limit=10_000 + limit, buy_quantity=7)
    quick = walk(path, 60, plan, Parameters(), step)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(session._Walk, "_after_quiet_steps", lambda _, now, __: now)
        assert walk(path, 60, plan, Parameters(), step) == quick
