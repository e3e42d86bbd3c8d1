"""Rules on arrays equal those on one number, to the paisa and the bit."""

from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tradectl.backtest.session import SessionPlan, closed_form
from tradectl.model.market import Bar
from tradectl.model.order import Side
from tradectl.research.vectorized.closed_form import NO_CEILING, BarArrays, PlanArrays, closed_forms, walks
from tradectl.research.vectorized.rules import (
    entry_limits,
    levels_at_entry,
    next_levels,
    sizes,
    too_far_rows,
    worth_changing_rows,
)
from tradectl.research.vectorized.settings import SettingsTable
from tradectl.strategy.exits import entry_limit
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.reentry import level_at_entry, next_level
from tradectl.strategy.risk import too_far
from tradectl.strategy.sizing import size, worth_changing

SETTINGS = (Parameters(), Parameters(entry_premium=0.0123, capital_per_trade=7_500, turnover_share=0.031, ema_fast=5))
LANES = SettingsTable(SETTINGS)
SESSION = date(2023, 3, 3)
TICK = 5
price = st.integers(200, 3_000_000)
which = st.integers(0, len(SETTINGS) - 1)
cases = settings(max_examples=60, deadline=None)


def ints(values) -> np.ndarray:
    return np.array(list(values), dtype=np.int64)


@given(rows=st.lists(st.tuples(which, price, st.integers(-1, 10**13)), min_size=1, max_size=20))
@cases
def test_sizes_are_those_of_each_lane_alone(rows: list[tuple[int, int, int]]) -> None:
    lanes, prices, turnovers = (ints(column) for column in zip(*rows, strict=True))
    found = sizes(prices, session=SESSION, parameters=LANES.of(lanes), average_turnover=turnovers)
    alone = [size(p, session=SESSION, parameters=SETTINGS[i], average_turnover=t).quantity for i, p, t in rows]
    assert found.tolist() == alone


@given(rows=st.lists(st.tuples(which, price, price), min_size=1, max_size=20))
@cases
def test_limits_and_distances_are_those_of_each_lane_alone(rows: list[tuple[int, int, int]]) -> None:
    lanes, closes, others = (ints(column) for column in zip(*rows, strict=True))
    limits = entry_limits(closes, ints([TICK] * len(rows)), LANES.of(lanes))
    assert limits.tolist() == [entry_limit(close, TICK, SETTINGS[i]) for i, close, _ in rows]
    near = ints(close + (other % 7 - 3) * close // 100 for close, other in zip(closes.tolist(), others.tolist(), strict=True))
    far = too_far_rows(near, closes, LANES.of(lanes))
    assert far.tolist() == [too_far(int(n), close, SETTINGS[i]) for n, (i, close, _) in zip(near, rows, strict=True)]


@given(rows=st.lists(st.tuples(which, st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=20))
@cases
def test_a_change_is_worth_it_as_for_each_lane_alone(rows: list[tuple[int, int, int]]) -> None:
    lanes, current, wanted = (ints(column) for column in zip(*rows, strict=True))
    found = worth_changing_rows(current, wanted, LANES.of(lanes))
    assert found.tolist() == [worth_changing(c, w, SETTINGS[i]) for i, c, w in rows]


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, Bar, SessionPlan]:
    """Return a day near its fast EMA, with shares, an order, or both."""
    opened, low, high, close = (draw(st.integers(1_900, 2_100)) * TICK for _ in range(4))
    bar = Bar(SESSION, opened, max(opened, low, high, close), min(opened, low, high, close), close, 1000, "EQ")
    bought = draw(st.integers(0, 30))
    plan = SessionPlan(
        held=draw(st.integers(0, 40)),
        ema_level=draw(st.floats(95, 106)),
        tick=TICK,
        buy_limit=draw(st.integers(1_880, 2_050)) * TICK if bought else 0,
        buy_quantity=bought,
        same_day=draw(st.booleans()),
        exit_at_open=draw(st.booleans()),
        ceiling=draw(st.none() | st.integers(1_950, 2_100).map(lambda ticks: ticks * TICK)),
    )
    return draw(which), bar, plan if plan.held else replace(plan, exit_at_open=False)


@given(rows=st.lists(plans(), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_the_corners_of_a_day_are_those_of_each_lane_alone(rows: list[tuple[int, Bar, SessionPlan]]) -> None:
    bars = BarArrays(*(ints(getattr(bar, name) for _, bar, _ in rows) for name in ("open", "high", "low", "close")))
    columns = {
        name: np.array([getattr(plan, name) for _, _, plan in rows]) for name in ("held", "ema_level", "tick", "buy_limit")
    }
    columns |= {
        name: np.array([getattr(plan, name) for _, _, plan in rows]) for name in ("buy_quantity", "same_day", "exit_at_open")
    }
    ceilings = ints(NO_CEILING if plan.ceiling is None else plan.ceiling for _, _, plan in rows)
    parameters, all_plans = LANES.of(ints(i for i, _, _ in rows)), PlanArrays(**columns, ceiling=ceilings)
    found, left_out = closed_forms(bars, all_plans, parameters), walks(bars, all_plans, parameters)
    for lane, (i, bar, plan) in enumerate(rows):
        if left_out[lane]:
            continue
        alone = closed_form(bar, 375, plan, SETTINGS[i])
        prices = {item.side: item.price for item in alone.executions}
        assert (found.bought[lane], found.sold[lane]) == (prices.get(Side.BUY, 0), prices.get(Side.SELL, 0))
        assert found.resting[lane] == (alone.resting or 0)
        sold = [item.quantity for item in alone.executions if item.side is Side.SELL]
        assert not sold or found.shares[lane] == sold[0]


RSI = st.one_of(st.just(float("nan")), st.integers(0, 40).map(float), st.floats(0, 100))


@given(st.lists(RSI, min_size=1, max_size=5), st.sampled_from([30, 20, 10]), st.booleans(), st.booleans())
def test_one_position_goes_as_a_row_of_positions(since: list[float], last: int, above: bool, allowed: bool) -> None:
    parameters = dataclasses.replace(Parameters(), allow_below_ema200=allowed)
    lanes = SettingsTable([parameters]).of(ints([0]))
    reset = np.array([any(value > 30 for value in since)])
    row = next_levels(np.array([last]), reset, np.array(since[-1:]), np.array([above]), lanes)
    assert [next_level(last, since, since[-1], above, parameters)] == row.tolist()
    assert [level_at_entry(since[-1], parameters)] == levels_at_entry(np.array(since[-1:]), lanes).tolist()
