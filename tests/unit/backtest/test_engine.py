"""Whole runs on invented symbols, each for one behaviour; then on real symbols, what must hold for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from tests.support.world import (
    PARAMETERS,
    SESSIONS,
    Candle,
    action,
    context,
    days,
    history,
    made_features,
)
from tradectl.backtest import session as intraday
from tradectl.backtest import symbol_run
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated, reference, run
from tradectl.backtest.symbol_run import Backtest
from tradectl.exchange.charges import day_charges
from tradectl.model.history import History
from tradectl.model.market import ActionKind, Instrument
from tradectl.model.order import Side
from tradectl.model.price_path import daily_path
from tradectl.strategy.features import features
from tradectl.strategy.score import backtest_score, combined, strength
from tradectl.strategy.sizing import size

FLAT: Candle = (9_500, 9_550, 9_450, 9_500)
"""Below every target while the fast EMA is 100, so nothing is sold."""
RISE: Candle = (9_500, 10_100, 9_500, 10_050)
"""Sold at T(low) = 9,900."""


def whole(world: BacktestContext) -> Backtest:
    return run(world, first=date(2018, 1, 1), last=date(2026, 12, 31))


def traded(result: Backtest) -> list[tuple[int, Side, int, int]]:
    """Return session number, side, quantity and price of every fill."""
    sessions = [session.date for session in SESSIONS.between(date(2023, 1, 2), result.last)]
    return [(sessions.index(fill.session), fill.side, fill.quantity, fill.price) for fill in result.fills]


def made(candles: Sequence[Candle], rsi: Mapping[int, float], *, ema_fast: float = 100.0, **more: object) -> BacktestContext:
    bars = history(candles, days(len(candles)))
    return context(bars, made_features(bars, rsi=rsi, ema_fast=ema_fast), **more)  # type: ignore[arg-type]


def wanted(price: int, session: date, limit: int | None = None) -> int:
    return size(price, session=session, parameters=PARAMETERS, average_turnover=10**11, limit_price=limit).quantity


BUY, SELL = Side.BUY, Side.SELL


def test_a_dip_is_bought_at_the_open_and_sold_at_the_average() -> None:
    result = whole(made([FLAT, FLAT, FLAT, RISE, FLAT], {0: 25.0}))
    quantity = wanted(9_545, days(2)[1])
    assert traded(result) == [(1, BUY, quantity, 9_500), (3, SELL, quantity, 9_900)]
    (trade,) = result.trades
    assert (trade.gross, trade.net) == (400 * quantity, 400 * quantity - sum(result.charges.values()))
    assert result.open_position is None


def test_charges_are_those_of_each_day() -> None:
    result = whole(made([FLAT, FLAT, FLAT, RISE, FLAT], {0: 25.0}))
    for fill in result.fills:
        assert result.charges[fill.fill_id] == day_charges(fill.session, [fill]).total


def test_a_limit_above_the_open_waits_on_the_way_down() -> None:
    result = whole(made([FLAT, (9_600, 9_640, 9_450, 9_500), FLAT], {0: 25.0}))
    quantity = wanted(9_545, days(2)[1])
    assert traded(result) == [(1, BUY, quantity, 9_545)]
    assert result.open_position is not None
    assert result.open_position.quantity == quantity


def test_an_order_lives_one_session() -> None:
    assert traded(whole(made([FLAT, (9_700, 9_750, 9_600, 9_700), FLAT], {0: 25.0}))) == []


def test_an_order_expires_where_the_symbol_has_no_bar() -> None:
    sessions = days(4)
    bars = history([FLAT, FLAT, FLAT], [sessions[0], *sessions[2:]])
    assert traded(whole(context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0)))) == []


def test_the_order_is_cancelled_where_the_reward_is_gone() -> None:
    candles = [(9_900, 9_910, 9_890, 9_900), (9_905, 9_910, 9_890, 9_900), FLAT]
    assert traded(whole(made(candles, {0: 25.0}))) == []
    assert len(traded(whole(made(candles, {0: 25.0}, ema_fast=100.1)))) == 1


def test_a_lower_open_buys_more_only_if_it_is_worth_it() -> None:
    little = whole(made([FLAT, (9_400, 9_450, 9_350, 9_400), FLAT], {0: 25.0}))
    assert traded(little) == [(1, BUY, wanted(9_545, days(2)[1]), 9_400)]
    much = whole(made([FLAT, (9_300, 9_350, 9_250, 9_300), FLAT], {0: 25.0}))
    assert traded(much) == [(1, BUY, wanted(9_300, days(2)[1], 9_545), 9_300)]


@pytest.mark.parametrize("kind", [ActionKind.RIGHTS, ActionKind.SPLIT, ActionKind.BONUS, ActionKind.DEMERGER])
def test_an_ex_date_bars_entry(kind: ActionKind) -> None:
    world = made([FLAT, FLAT, FLAT], {0: 25.0}, actions=[action(kind, days(2)[1])])
    assert traded(whole(world)) == []


def test_a_dividend_bars_nothing_and_is_credited_apart() -> None:
    actions = [action(ActionKind.DIVIDEND, days(3)[n], dividend=250) for n in (1, 2)]
    result = whole(made([FLAT, FLAT, FLAT, RISE], {0: 25.0}, actions=actions))
    assert result.folded.dividends == 250 * result.fills[0].quantity
    assert result.trades[0].gross == 400 * result.fills[0].quantity


def test_only_the_right_isin_is_bought() -> None:
    assert traded(whole(made([FLAT, FLAT, FLAT], {0: 25.0}, isin="INF000A01010"))) == []


def test_entries_ask_for_series_eq() -> None:
    bars = history([FLAT, FLAT, FLAT], days(3), series="BE")
    assert traded(whole(context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0)))) == []


def test_trade_for_trade_shares_are_sold_the_next_day() -> None:
    bars = history([FLAT, RISE, RISE, FLAT], days(4))
    bars = replace(bars, series=np.array(["EQ", "BE", "BE", "BE"]))
    result = whole(context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0)))
    assert [(n, side) for n, side, _, _ in traded(result)] == [(1, BUY), (2, SELL)]
    ordinary = whole(made([FLAT, RISE, RISE, FLAT], {0: 25.0}))
    assert [(n, side) for n, side, _, _ in traded(ordinary)] == [(1, BUY), (1, SELL)]


def test_what_was_traded_today_is_not_bought_again_tomorrow() -> None:
    result = whole(made([FLAT, FLAT, RISE, FLAT, FLAT], {0: 25.0, 2: 25.0, 3: 25.0}))
    assert [(n, side) for n, side, _, _ in traded(result)] == [(1, BUY), (2, SELL), (4, BUY)]


def test_an_rsi_above_fifty_sells_at_the_next_open() -> None:
    result = whole(made([FLAT, FLAT, FLAT, FLAT, FLAT], {0: 25.0, 2: 50.1}))
    assert [(n, side, price) for n, side, _, price in traded(result)] == [(1, BUY, 9_500), (3, SELL, 9_500)]


def test_an_rsi_exit_waits_for_a_bar() -> None:
    sessions = days(6)
    bars = history([FLAT] * 5, sessions[:3] + sessions[4:])
    result = whole(context(bars, made_features(bars, rsi={0: 25.0, 2: 55.0}, ema_fast=100.0)))
    assert [(n, side) for n, side, _, _ in traded(result)] == [(1, BUY), (4, SELL)]


def test_further_dips_are_bought_and_sold_together() -> None:
    candles = [FLAT] * 9 + [RISE]
    result = whole(made(candles, {0: 25.0, 1: 28.0, 2: 18.0, 3: 17.0, 4: 9.0, 6: 5.0}))
    found = traded(result)
    assert [(n, side) for n, side, _, _ in found] == [(1, BUY), (3, BUY), (5, BUY), (9, SELL)]
    assert found[-1][2] == sum(quantity for _, _, quantity, _ in found[:3])
    assert len(result.trades) == 3


def test_a_reset_starts_the_cycle_again_up_to_the_most_buys() -> None:
    result = whole(made([FLAT] * 10, {0: 9.0, 2: 35.0, 3: 29.0, 5: 19.0, 7: 9.0}))
    assert [(n, side) for n, side, _, _ in traded(result)] == [(1, BUY), (4, BUY), (6, BUY)]


def test_an_unfilled_reentry_leaves_its_level() -> None:
    up: Candle = (9_700, 9_750, 9_650, 9_700)
    result = whole(made([FLAT, FLAT, FLAT, up, FLAT, FLAT], {0: 25.0, 2: 18.0, 3: 35.0, 4: 45.0}))
    assert [(n, side) for n, side, _, _ in traded(result)] == [(1, BUY)]
    again = whole(made([FLAT, FLAT, FLAT, up, FLAT, FLAT], {0: 25.0, 1: 28.0, 2: 18.0, 3: 25.0, 4: 18.0}))
    assert [(n, side) for n, side, _, _ in traded(again)] == [(1, BUY), (5, BUY)]


def test_a_reentry_too_small_is_skipped() -> None:
    world = made([FLAT] * 5, {0: 25.0, 2: 18.0})
    thin = np.where(np.arange(5) == 2, 49_000 * 1_000, 10**11)
    world = replace(world, columns=replace(world.features, average_turnover=thin))
    assert [n for n, *_ in traded(whole(world))] == [1]


def test_an_order_waits_over_a_muhurat_session() -> None:
    sessions = days(5, date(2023, 11, 10))
    assert SESSIONS.session(sessions[1]).kind == "muhurat"  # type: ignore[union-attr]

    def fills(muhurat: Candle) -> list[date]:
        bars = history([FLAT, muhurat, FLAT, FLAT, FLAT], sessions)
        world = context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0))
        return [fill.session for fill in run(world, first=sessions[0], last=sessions[-1]).fills]

    assert fills((9_500, 9_550, 9_000, 9_500)) == [sessions[2]]
    assert fills((9_500, 9_800, 9_450, 9_740)) == []


def test_nothing_is_sold_in_a_muhurat_session() -> None:
    sessions = days(5, date(2023, 11, 9))
    bars = history([FLAT, FLAT, RISE, FLAT, FLAT], sessions)
    world = context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0))
    assert [fill.side for fill in run(world, first=sessions[0], last=sessions[-1]).fills] == [BUY]


def after_action(kind: ActionKind, ratio: Fraction, later: Sequence[Candle]) -> Backtest:
    """Return the run of a buy on session 1, with the action on session 3."""
    candles = [FLAT, FLAT, FLAT, *later]
    sessions = days(len(candles))
    bars = history(candles, sessions, multiplier=[1.0] * 3 + [float(ratio)] * len(later))
    world = context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0), actions=[action(kind, sessions[3], ratio=ratio)])
    return whole(world)


HALF_FLAT: Candle = (4_750, 4_775, 4_725, 4_750)
HALF_RISE: Candle = (4_750, 5_050, 4_750, 5_025)


def test_shares_of_a_split_are_sold_in_two_parts() -> None:
    result = after_action(ActionKind.SPLIT, Fraction(2), [HALF_RISE, HALF_RISE, HALF_RISE, HALF_FLAT])
    bought, first, second = traded(result)
    assert first == (3, SELL, bought[2], 4_950)
    assert second == (5, SELL, bought[2], 4_950)
    assert sum(trade.entry_quantity for trade in result.trades) == bought[2]
    assert result.folded.realised == 2 * bought[2] * 4_950 - bought[2] * 9_500
    assert result.open_position is None


def test_an_old_bonus_is_locked_for_fifteen_sessions() -> None:
    result = after_action(ActionKind.BONUS, Fraction(2), [HALF_RISE] * 20)
    assert [n for n, side, _, _ in traded(result) if side is SELL] == [3, 18]


def test_a_fraction_of_a_share_is_paid_at_the_scaled_close() -> None:
    ratio = Fraction(4, 3)
    later: Candle = (7_125, 7_150, 7_100, 7_125)
    result = after_action(ActionKind.BONUS, ratio, [later] * 3)
    bought = result.fills[0].quantity
    left = bought * ratio - int(bought * ratio)
    assert result.folded.quantity == int(bought * ratio)
    assert result.folded.cash_in_lieu == int(left * 7_125 + Fraction(1, 2))


def test_a_demerger_moves_its_part_of_the_cost() -> None:
    later: Candle = (8_550, 8_600, 8_500, 8_550)
    candles = [FLAT, FLAT, FLAT, later, later]
    sessions = days(5)
    bars = history(candles, sessions, multiplier=[1.0] * 3 + [9_500 / 8_550] * 2)
    world = context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0), actions=[action(ActionKind.DEMERGER, sessions[3])])
    folded = whole(world).folded
    assert folded.spun_off == folded.bought // 10
    assert folded.cost == folded.bought - folded.spun_off


def test_a_target_can_stay_lowered_for_the_whole_position() -> None:
    dip: Candle = (9_500, 9_550, 9_000, 9_100)
    rise: Candle = (9_500, 9_850, 9_500, 9_600)
    candles = [FLAT, FLAT, dip, rise]
    assert [side for _, side, _, _ in traded(whole(made(candles, {0: 25.0})))] == [BUY]
    frozen = whole(made(candles, {0: 25.0}, parameters=replace(PARAMETERS, freeze="position")))
    assert [(side, price) for _, side, _, price in traded(frozen)] == [(BUY, 9_500), (SELL, 9_800)]


def test_minute_bars_are_used_where_there_are_any() -> None:
    world = made([FLAT, FLAT, RISE, FLAT], {0: 25.0})
    lower = ((0, 9_500, 9_510, 9_400, 9_410, 1), (30, 9_400, 10_100, 9_400, 10_050, 1))
    with_minutes = replace(world, minutes=lambda session: lower if session == days(3)[2] else ())
    assert whole(world).fills[-1].price == 9_900
    assert whole(with_minutes).fills[-1].price == 9_880


def test_the_gate_asks_bar_by_bar() -> None:
    world = made([FLAT, FLAT, RISE, FLAT, FLAT, FLAT, FLAT], {0: 25.0, 4: 25.0})
    asked: list[int] = []

    def only_the_second(i: int) -> bool:
        asked.append(i)
        return i == 4

    result = run(world, first=date(2018, 1, 1), last=date(2026, 12, 31), accept=only_the_second)
    assert asked == [0, 4]
    assert [n for n, *_ in traded(result)] == [5]


def test_nothing_happens_outside_the_dates_asked_for() -> None:
    world = made([FLAT, FLAT, FLAT, FLAT, FLAT, RISE], {0: 25.0, 2: 25.0, 3: 25.0})
    sessions = days(6)
    assert [n for n, *_ in traded(run(world, first=sessions[1], last=sessions[2]))] == []
    assert [n for n, *_ in traded(run(world, first=sessions[1], last=sessions[3]))] == [3]


def test_an_empty_history_has_no_trades() -> None:
    bars = history([FLAT], days(1))
    empty = bars.through(date(2020, 1, 1))
    assert reference(context(empty, made_features(empty, rsi={}, ema_fast=100.0))) == ()


# --- real symbols

SOME = ("INFY", "RELIANCE", "TATASTEEL", "SBIN", "MARUTI", "YESBANK", "ADANIENT", "ITC")


@pytest.fixture(scope="module")
def real_facts(real_histories: Mapping[str, History]) -> dict[str, BacktestContext]:
    instrument = Instrument("REAL", "REAL", "EQ", "INE000A01010", 5)
    return {
        name: BacktestContext(
            real_histories[name], features(real_histories[name], PARAMETERS), lambda _: instrument, (), SESSIONS, PARAMETERS
        )
        for name in SOME
    }


@pytest.mark.parametrize("name", SOME)
def test_walking_every_session_gives_the_same_fills(
    real_facts: dict[str, BacktestContext], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_walk(bar, minutes, minute_bars, plan, parameters):  # type: ignore[no-untyped-def]
        path = daily_path(bar.open, bar.high, bar.low, bar.close, minutes)
        return intraday.walk(path, minutes, plan, parameters)

    quick = whole(real_facts[name])
    monkeypatch.setattr(symbol_run, "trade", always_walk)
    assert whole(real_facts[name]) == quick
    assert len(quick.fills) > 4


EAGER = {"reentry_first": 45, "reentry_second": 40, "reentry_third": 35, "rsi_entry_above": 45, "rsi_entry_below": 45}


@pytest.mark.parametrize("changes", [{}, EAGER, EAGER | {"max_buys": 1}, {"rsi_exit": 35}, {"freeze": "position"}], ids=str)
def test_sessions_without_an_event_change_no_trade(
    real_histories: Mapping[str, History], real_facts: dict[str, BacktestContext], changes: dict[str, object]
) -> None:
    """With known minute bars, here none, only the sessions in which the rule may trade are run."""
    parameters, visited = replace(PARAMETERS, **changes), [0, 0]  # type: ignore[arg-type]
    for name, tick in zip(SOME, (1, 5, 10, 5, 100, 5, 500, 1), strict=True):
        instrument = Instrument("REAL", "REAL", "EQ", "INE000A01010", tick)
        each = replace(real_facts[name], parameters=parameters, instrument=lambda _, found=instrument: found)  # type: ignore[misc]
        some = replace(each, minute_sessions=frozenset)
        assert whole(some) == whole(each)
        runs = [_Counted(world, date.min, date.max) for world in (each, some)]
        for number, counted in enumerate(runs):
            counted.run()
            visited[number] += counted.visits
    assert visited[1] < visited[0] or "freeze" in changes


class _Counted(symbol_run.SymbolRun):
    """Count the sessions that a run visits."""

    visits = 0

    def _visit(self, j: int) -> bool:
        self.visits += 1
        return super()._visit(j)


@pytest.mark.parametrize("name", SOME[:4])
def test_trades_closed_by_a_session_do_not_know_later_bars(real_facts: dict[str, BacktestContext], name: str) -> None:
    world = real_facts[name]
    trades = reference(world)
    for end in (500, 900, 1_300, 1_700):
        bars = world.history.through(world.history.session(end))
        part = reference(replace(world, history=bars, columns=features(bars, PARAMETERS)))
        assert part == tuple(trade for trade in trades if trade.exit_session <= bars.session(end))


@pytest.mark.parametrize("name", SOME[:4])
def test_gated_entries_all_had_the_score(real_facts: dict[str, BacktestContext], name: str) -> None:
    world = real_facts[name]
    trades = reference(world)
    result = gated(world, first=date(2021, 1, 1), last=date(2024, 12, 31))
    flat = 0
    for fill in result.fills:
        assert date(2021, 1, 1) < fill.session <= date(2024, 12, 31)
        if fill.side is Side.BUY and flat == 0:
            decided = world.history.index(SESSIONS.previous_run_session(fill.session).date)
            assert decided is not None
            row = world.features.reading(world.history, decided)
            past = backtest_score(trades, row.session, PARAMETERS).score
            assert combined(strength(row, PARAMETERS), past, PARAMETERS) >= PARAMETERS.buy_score
        flat += fill.quantity if fill.side is Side.BUY else -fill.quantity


@pytest.mark.parametrize("name", SOME)
def test_money_adds_up(real_facts: dict[str, BacktestContext], name: str) -> None:
    result = whole(real_facts[name])
    folded = result.folded
    cash = sum(f.quantity * f.price * (1 if f.side is Side.SELL else -1) for f in result.fills) - sum(result.charges.values())
    open_charges = sum(lot.charges for lot in folded.lots)
    assert cash == sum(trade.net for trade in result.trades) - folded.cost - open_charges
