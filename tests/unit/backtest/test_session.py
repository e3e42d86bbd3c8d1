"""The closed form gives the result of the walk: the same fills, prices and seconds."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from tests.support.world import PARAMETERS, START
from tradectl.backtest import session as intraday
from tradectl.backtest.session import SessionFill, SessionPlan, SessionResult, closed_form, walk
from tradectl.model.history import History
from tradectl.model.market import Bar
from tradectl.model.order import Side
from tradectl.model.price_path import Path, daily_path, minute_path
from tradectl.strategy.exits import entry_limit
from tradectl.strategy.features import features

BUY, SELL = Side.BUY, Side.SELL


def bar(opened: int, high: int, low: int, close: int) -> Bar:
    return Bar(START, opened, high, low, close, 1_000_000)


def walked(candle: Bar, plan: SessionPlan, minutes: int = 375, step: int = 1) -> SessionResult:
    path = daily_path(candle.open, candle.high, candle.low, candle.close, minutes, step)
    return walk(path, minutes, plan, PARAMETERS, step)


def prices(result: SessionResult) -> list[tuple[Side, int, int]]:
    return [(item.side, item.quantity, item.price) for item in result.executions]


def random_case(rng: random.Random) -> tuple[Bar, SessionPlan]:
    """Return a session near the target and the limit, so that every branch is frequent."""
    tick, base = rng.choice([1, 5, 10]), rng.choice([2_000, 50_000, 300_000])
    spread = base * rng.choice([0.005, 0.02, 0.06])
    opened = base // tick * tick
    high = opened + int(rng.random() * spread) * (rng.random() > 0.1)
    low = max(1, opened - int(rng.random() * spread) * (rng.random() > 0.1))
    held = rng.choice([0, 7])
    plan = SessionPlan(
        held=held,
        ema_level=base * (1 + rng.gauss(0, 0.02)) / 100,
        tick=tick,
        buy_limit=int(base * (1 + rng.gauss(-0.005, 0.01))) // tick * tick,
        buy_quantity=rng.choice([0, 10]),
        same_day=rng.random() > 0.2,
        exit_at_open=held > 0 and rng.random() < 0.1,
        ceiling=rng.choice([None, None, int(base * (1 + rng.gauss(0.01, 0.01))) // tick * tick]),
    )
    return bar(opened, high, low, rng.randint(low, high)), plan


def test_random_sessions_walk_as_the_closed_forms_say() -> None:
    rng = random.Random(20230102)
    compared, seen = 0, set()
    while compared < 4_000:
        candle, plan = random_case(rng)
        if intraday._unusual(candle, plan, PARAMETERS):
            continue
        minutes = rng.choice([375, 360, 60])
        closed = closed_form(candle, minutes, plan, PARAMETERS)
        assert closed == walked(candle, plan, minutes), (candle, plan)
        seen.add(tuple(side for side, _, _ in prices(closed)))
        compared += 1
    assert seen >= {(), (BUY,), (SELL,), (BUY, SELL)}


def test_the_monitors_step_changes_no_price() -> None:
    rng = random.Random(5)
    for _ in range(500):
        candle, plan = random_case(rng)
        if not intraday._unusual(candle, plan, PARAMETERS):
            closed = closed_form(candle, 375, plan, PARAMETERS)
            assert prices(closed) == prices(walked(candle, plan, step=5)) == prices(walked(candle, plan, step=25))


def test_real_sessions_walk_as_the_closed_forms_say(real_histories: Mapping[str, History]) -> None:
    executions = 0
    for name in ("INFY", "YESBANK", "MARUTI", "ADANIENT"):
        history = real_histories[name]
        columns = features(history, PARAMETERS)
        for j in range(20, len(history), 5):
            level = float(columns.ema_fast[j - 1] / history.multiplier[j])
            limit = entry_limit(int(history.close[j - 1]), 5, PARAMETERS)
            for plan in (SessionPlan(7, level, 5), SessionPlan(0, level, 5, limit, 10), SessionPlan(7, level, 5, limit, 10)):
                candle = history.bar(j)
                if not intraday._unusual(candle, plan, PARAMETERS):
                    closed = closed_form(candle, 375, plan, PARAMETERS)
                    assert closed == walked(candle, plan)
                    executions += len(closed.executions)
    assert executions > 2_000


E100 = SessionPlan(held=7, ema_level=100.0, tick=5)


@pytest.mark.parametrize(
    ("candle", "price"),
    [
        (bar(10_100, 10_200, 10_050, 10_150), 10_100),
        (bar(9_500, 9_900, 9_400, 9_600), 9_880),
        (bar(9_500, 9_920, 9_000, 9_600), 9_900),
        (bar(9_900, 9_990, 9_500, 9_600), 9_980),
        (bar(9_900, 9_950, 9_500, 9_900), 9_900),
        (bar(9_900, 9_950, 9_500, 9_895), None),
    ],
)
def test_the_four_ways_to_be_sold(candle: Bar, price: int | None) -> None:
    wanted = [] if price is None else [(SELL, 7, price)]
    assert prices(closed_form(candle, 375, E100, PARAMETERS)) == wanted
    assert prices(walked(candle, E100)) == wanted


BUYING = SessionPlan(held=0, ema_level=100.0, tick=5, buy_limit=9_700, buy_quantity=10)


@pytest.mark.parametrize(
    ("candle", "wanted"),
    [
        (bar(9_600, 9_700, 9_550, 9_650), [(BUY, 10, 9_600)]),
        (bar(9_600, 9_990, 9_550, 9_650), [(BUY, 10, 9_600), (SELL, 10, 9_910)]),
        (bar(9_800, 9_850, 9_705, 9_750), []),
        (bar(9_800, 9_850, 9_600, 9_650), [(BUY, 10, 9_700)]),
        (bar(9_800, 9_850, 9_500, 9_840), [(BUY, 10, 9_700)]),
        (bar(9_800, 10_200, 9_600, 9_650), [(BUY, 10, 9_700), (SELL, 10, 9_920)]),
    ],
)
def test_the_ways_to_be_bought(candle: Bar, wanted: list[tuple[Side, int, int]]) -> None:
    assert prices(closed_form(candle, 375, BUYING, PARAMETERS)) == wanted
    assert prices(walked(candle, BUYING)) == wanted


def test_a_buy_is_cancelled_when_the_old_shares_are_sold_first() -> None:
    both = SessionPlan(held=7, ema_level=100.0, tick=5, buy_limit=9_700, buy_quantity=10)
    candle = bar(9_800, 9_970, 9_600, 9_650)
    assert prices(closed_form(candle, 375, both, PARAMETERS)) == [(SELL, 7, 9_960)] == prices(walked(candle, both))


def test_a_reentry_is_sold_with_the_old_shares() -> None:
    both = SessionPlan(held=7, ema_level=100.0, tick=5, buy_limit=9_700, buy_quantity=10)
    candle = bar(9_800, 10_200, 9_600, 9_650)
    assert prices(closed_form(candle, 375, both, PARAMETERS)) == [(BUY, 10, 9_700), (SELL, 17, 9_920)]


def test_trade_for_trade_shares_stay_overnight() -> None:
    plan = SessionPlan(held=7, ema_level=100.0, tick=5, buy_limit=9_700, buy_quantity=10, same_day=False)
    candle = bar(9_600, 10_000, 9_550, 9_650)
    assert prices(closed_form(candle, 375, plan, PARAMETERS)) == [(BUY, 10, 9_600), (SELL, 7, 9_910)]


def test_an_rsi_exit_sells_at_the_open() -> None:
    plan = SessionPlan(held=7, ema_level=100.0, tick=5, exit_at_open=True)
    candle = bar(9_600, 10_000, 9_550, 9_650)
    assert closed_form(candle, 375, plan, PARAMETERS).executions == (SessionFill(SELL, 7, 9_600, 0),)


def test_a_ceiling_keeps_yesterdays_lower_target() -> None:
    plan = SessionPlan(held=7, ema_level=100.0, tick=5, ceiling=9_800)
    assert prices(closed_form(bar(9_600, 9_850, 9_550, 9_650), 375, plan, PARAMETERS)) == [(SELL, 7, 9_800)]


def test_what_is_not_sold_leaves_its_lowest_target() -> None:
    candle = bar(9_600, 9_700, 9_500, 9_650)
    assert closed_form(candle, 375, E100, PARAMETERS).resting == 9_900 == walked(candle, E100).resting


def test_an_open_off_the_tick_is_walked() -> None:
    candle = bar(10_003, 10_010, 9_990, 10_000)
    plan = SessionPlan(held=7, ema_level=100.0, tick=5)
    assert intraday.trade(candle, 375, (), plan, PARAMETERS) == walked(candle, plan)


def test_minute_bars_go_before_the_daily_bar() -> None:
    candle = bar(9_800, 9_990, 9_500, 9_600)
    minutes = ((0, 9_800, 9_810, 9_500, 9_550, 9), (200, 9_700, 9_990, 9_700, 9_600, 9))
    assert prices(intraday.trade(candle, 375, (), E100, PARAMETERS)) == [(SELL, 7, 9_960)]
    found = intraday.trade(candle, 375, minutes, E100, PARAMETERS)
    assert prices(found) == [(SELL, 7, 9_910)]
    assert found == walk(minute_path(minutes, 9_800), 375, E100, PARAMETERS)
    assert found.executions[0].second >= 200 * 60


def test_minute_bars_outside_the_session_are_ignored() -> None:
    candle = bar(9_600, 9_700, 9_500, 9_650)
    late = ((375, 9_650, 10_000, 9_650, 9_650, 9),)
    assert intraday.trade(candle, 375, late, E100, PARAMETERS) == closed_form(candle, 375, E100, PARAMETERS)


def test_random_sessions_with_a_stop_walk_as_the_closed_form() -> None:
    """A fixed target and a stop: the stop sells at the first step of the monitor that sees it, the target between two steps."""
    rng = random.Random(18)
    seen: set[tuple[bool, tuple[Side, ...]]] = set()
    compared = 0
    while compared < 6_000:
        candle, drawn = random_case(rng)
        base, tick = candle.open, drawn.tick
        target = int(base * (1 + rng.gauss(0.01, 0.01))) // tick * tick
        stop = int(base * (1 + rng.gauss(-0.01, 0.01))) // tick * tick
        plan = replace(
            drawn, ceiling=None, fixed_target=rng.choice([target, 1 << 62]), stop=rng.choice([stop, stop, None]), low=candle.low
        )
        if intraday._unusual(candle, plan, PARAMETERS):
            continue
        minutes = rng.choice([375, 360, 60])
        closed = closed_form(candle, minutes, plan, PARAMETERS)
        assert replace(closed, ambiguous=False) == walked(candle, plan, minutes), (candle, plan)
        seen.add((closed.ambiguous, tuple(side for side, _, _ in prices(closed))))
        compared += 1
    assert seen >= {(both, sides) for both in (False, True) for sides in ((SELL,), (BUY, SELL))}


STOPPED = SessionPlan(held=7, ema_level=0.0, tick=5, fixed_target=10_200, stop=9_800)


def test_a_stop_sells_at_the_price_of_the_first_step_below_it() -> None:
    found = closed_form(bar(10_000, 10_050, 9_751, 9_900), 375, STOPPED, PARAMETERS)
    assert (found.executions, found.ambiguous) == ((SessionFill(SELL, 7, 9_795, 13_800),), False)
    assert found == walked(bar(10_000, 10_050, 9_751, 9_900), STOPPED)


def test_a_price_at_the_stop_in_the_last_minute_sells_nothing() -> None:
    path = Path([(0, 10_000), (375 * 60, 9_800)])
    assert walk(path, 375, STOPPED, PARAMETERS) == SessionResult((), 10_200)
    assert intraday._first_sale(path, 0, 375 * 60, STOPPED, 10_200) is None


def test_a_daily_bar_with_stop_and_target_follows_its_path() -> None:
    low_first = intraday.trade(bar(10_000, 10_250, 9_780, 9_900), 375, (), STOPPED, PARAMETERS)
    high_first = intraday.trade(bar(10_000, 10_210, 9_700, 9_900), 375, (), STOPPED, PARAMETERS)
    assert (prices(low_first), low_first.ambiguous) == ([(SELL, 7, 9_795)], True)
    assert (prices(high_first), high_first.ambiguous) == ([(SELL, 7, 10_200)], True)


def test_a_stop_at_the_open_sells_there() -> None:
    found = closed_form(bar(9_700, 10_300, 9_600, 9_900), 375, STOPPED, PARAMETERS)
    assert (found.executions, found.ambiguous) == ((SessionFill(SELL, 7, 9_700, 0),), False)


def test_a_stop_cancels_a_buy_below_it() -> None:
    plan = replace(STOPPED, buy_limit=9_700, buy_quantity=10)
    candle = bar(10_000, 10_050, 9_650, 9_900)
    assert [side for side, _, _ in prices(closed_form(candle, 375, plan, PARAMETERS))] == [SELL]


def test_minute_bars_show_which_came_first() -> None:
    candle = bar(10_000, 10_250, 9_700, 9_900)
    up_first = ((0, 10_000, 10_250, 10_000, 10_200, 9), (1, 10_200, 10_200, 9_700, 9_900, 9))
    down_first = ((0, 10_000, 10_010, 9_700, 9_750, 9), (1, 9_750, 10_250, 9_750, 9_900, 9))
    assert prices(intraday.trade(candle, 375, up_first, STOPPED, PARAMETERS)) == [(SELL, 7, 10_200)]
    found = intraday.trade(candle, 375, down_first, STOPPED, PARAMETERS)
    assert (prices(found), found.ambiguous) == ([(SELL, 7, 9_750)], False)


def test_a_dip_between_two_steps_does_not_sell() -> None:
    candle = bar(10_000, 10_100, 9_700, 9_900)
    dip = ((0, 10_000, 10_010, 9_990, 10_000, 9), (1, 10_000, 10_100, 9_700, 9_900, 9), (2, 9_900, 9_950, 9_850, 9_900, 9))
    assert intraday.trade(candle, 375, dip, STOPPED, PARAMETERS) == SessionResult((), 10_200)


def test_a_gap_between_minutes_sells_below_the_stop() -> None:
    candle = bar(10_000, 10_010, 9_600, 9_700)
    gap = ((0, 10_000, 10_010, 9_990, 10_000, 9), (1, 9_650, 9_700, 9_600, 9_700, 9))
    assert prices(intraday.trade(candle, 375, gap, STOPPED, PARAMETERS)) == [(SELL, 7, 9_650)]
