"""The vectorized engine makes the trades of the engine, to the paisa: on invented markets, then on real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.integration.research.world import EAGER
from tests.support.world import PARAMETERS, SESSIONS, START, action, context, days, history, made_features
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated, run
from tradectl.backtest.symbol_run import Backtest
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.model.market import ActionKind
from tradectl.model.position import Folded, Trade
from tradectl.model.surveillance import Spell
from tradectl.research.vectorized.engine import VectorizedRun, run_settings
from tradectl.research.vectorized.market import InstrumentData, MarketTables
from tradectl.strategy.parameters import Parameters, with_changes

FIRST, LAST = date(2018, 1, 1), date(2026, 12, 31)
OTHERS = (
    PARAMETERS,
    with_changes(PARAMETERS, EAGER),
    with_changes(PARAMETERS, {"freeze": "position", "amo_adjust_reprice": "on", "entry_premium": "0.0123", "buy_score": "40"}),
    with_changes(PARAMETERS, {"rsi_exit": "40", "max_buys": "5", "capital_per_trade": "37000", "backtest_years": "1"}),
    with_changes(PARAMETERS, {"allow_below_ema200": "off", "turnover_share": "0.0001", "amo_cancel_ratio": "1.2"}),
)


def market(listed: Sequence[BacktestContext]) -> MarketTables:
    def listing(world: BacktestContext) -> InstrumentData:
        sessions = [world.history.session(i) for i in range(len(world.history))]
        with_minutes = frozenset(day for day in sessions if world.minutes(day))
        shown = lambda _: world.features  # noqa: E731
        return InstrumentData(world.history, world.instrument, world.actions, world.minutes, with_minutes, shown, world.excluded)

    return MarketTables.of([listing(world) for world in listed], SESSIONS)


def spells(dates: Sequence[date]) -> st.SearchStrategy[Spell]:
    """Return dates on which a surveillance list excludes a symbol."""
    ends = st.tuples(st.sampled_from(dates), st.integers(1, 4))
    return ends.map(lambda pair: Spell(pair[0].toordinal(), pair[0].toordinal() + pair[1]))


def ordered(trades: Sequence[Trade]) -> list[Trade]:
    """Return the trades sorted, without names."""
    plain = [replace(trade, symbol="") for trade in trades]
    return sorted(plain, key=lambda t: (t.exit_session, t.entry_session, t.entry_price, t.quantity))


def assert_same(found: VectorizedRun, setting: int, instrument: int, single: Backtest) -> None:
    rows = np.flatnonzero((found.trades.setting == setting) & (found.trades.instrument == instrument))
    mine = [found.trades.trade(int(row), "") for row in rows]
    assert ordered(mine) == ordered(single.trades)
    assert [int(found.trades.cost[row]) for row in rows] == [trade.cost for trade in mine]
    held, folded = found.held.get((setting, instrument), Folded()), single.folded
    if folded.quantity or held.quantity:
        assert held.quantity == folded.quantity
        assert held.cost == folded.cost
        assert sum(lot.charges for lot in held.lots) == sum(lot.charges for lot in folded.lots)


RATIOS = {ActionKind.SPLIT: Fraction(2), ActionKind.BONUS: Fraction(4, 3), ActionKind.CONSOLIDATION: Fraction(1, 5)}
prices = st.integers(-160, 160).map(lambda ticks: 9_500 + 5 * ticks)


@st.composite
def worlds(draw: st.DrawFn) -> BacktestContext:
    """Return a symbol that dips and rises for some twenty sessions, with every kind of unusual session at times."""
    every = days(
        draw(st.integers(4, 22)), draw(st.sampled_from([START, date(2023, 11, 1), date(2024, 1, 15), date(2024, 9, 20)]))
    )
    dates = [day for i, day in enumerate(every) if i == 0 or draw(st.integers(0, 9)) > 0]
    kinds = st.sampled_from([*RATIOS, ActionKind.DEMERGER, ActionKind.RIGHTS, ActionKind.DIVIDEND])
    actions = []
    for day in draw(st.lists(st.sampled_from(every), max_size=2, unique=True)):
        kind = draw(kinds)
        actions.append(action(kind, day, ratio=RATIOS.get(kind, Fraction(1)), dividend=250 if kind is ActionKind.DIVIDEND else 0))
    actions.sort(key=lambda item: item.ex_date)
    candles, scale = [], []
    for day in dates:
        factor = Fraction(1)
        for item in actions:
            factor *= item.ratio if item.ex_date <= day else 1
        scale.append(float(factor))
        opened, other, close = (int(draw(prices) / factor) // 5 * 5 for _ in range(3))
        opened += draw(st.sampled_from([0, 0, 0, 0, 2]))
        candles.append((opened, max(opened, other, close), min(opened, other, close), close))
    rsi = {i: draw(st.sampled_from([5.0, 9.5, 18.0, 25.0, 28.0, 35.0, 45.0, 55.0])) for i in range(len(dates))}
    bars = history(candles, dates, multiplier=scale)
    bars = replace(bars, series=np.array([draw(st.sampled_from(["EQ", "EQ", "EQ", "EQ", "BE"])) for _ in dates]))
    columns = made_features(bars, rsi=rsi, ema_fast=draw(st.sampled_from([96.0, 100.0])), above=draw(st.booleans()))
    thin = np.where(np.arange(len(dates)) % 5 == 2, 49_000 * 1_000, 10**11)
    columns = replace(columns, average_turnover=thin)
    world = context(bars, columns, actions=actions, isin=draw(st.sampled_from(["INE000A01010"] * 5 + ["INF000A01010"])))
    world = replace(world, excluded=tuple(draw(st.lists(spells(dates), max_size=2))))
    if not draw(st.booleans()):
        return world
    dip, busy = draw(prices), set(draw(st.lists(st.sampled_from(dates), max_size=4)))
    minutes = ((0, 9_500, 9_510, dip - 900, dip - 880, 1), (30, 9_400, 10_100, 9_400, 10_050, 1))
    return replace(world, minutes=lambda session: minutes if session in busy else ())


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(worlds(), min_size=1, max_size=3), st.booleans(), st.integers(0, 12))
def test_every_lane_makes_the_trades_of_its_own_backtest(listed: list[BacktestContext], scored: bool, cut: int) -> None:
    listed = [replace(world, history=replace(world.history, instrument_id=f"MADE{i}")) for i, world in enumerate(listed)]
    end = SESSIONS.next_session(START + timedelta(days=cut)).date if cut > 10 else LAST
    found = run_settings(market(listed), OTHERS, first=FIRST, last=end, scored=scored)
    for setting, parameters in enumerate(OTHERS):
        for instrument, world in enumerate(listed):
            single = (gated if scored else run)(replace(world, parameters=parameters), first=FIRST, last=end)
            assert_same(found, setting, instrument, single)


def test_trades_are_ordered_by_setting_exit_and_instrument() -> None:
    candles = [(9_500, 9_550, 9_450, 9_500)] * 3 + [(9_500, 10_100, 9_500, 10_050)]
    listed = []
    for i in range(2):
        bars = replace(history(candles, days(4)), instrument_id=f"MADE{i}")
        listed.append(context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0)))
    found = run_settings(market(listed), [PARAMETERS] * 2, first=FIRST, last=LAST, scored=False).trades
    assert list(zip(found.setting.tolist(), found.instrument.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert set(found.exit_session.tolist()) == {days(4)[3].toordinal()}


def test_a_market_without_instruments_has_no_trades() -> None:
    assert len(run_settings(market([]), [PARAMETERS], first=FIRST, last=LAST).trades) == 0


def test_an_equal_market_gives_equal_trades_beside_others() -> None:
    candles = [(9_500, 9_550, 9_450, 9_500)] * 3 + [(9_500, 10_100, 9_500, 10_050)]
    bars = history(candles, days(4))
    listed = [context(bars, made_features(bars, rsi={0: 25.0}, ema_fast=100.0))]
    alone = run_settings(market(listed), [PARAMETERS], first=FIRST, last=LAST, scored=False).trades
    beside = run_settings(market(listed), OTHERS, first=FIRST, last=LAST, scored=False).trades
    first = beside.take(beside.setting == 0)
    assert [alone.trade(i, "") for i in range(len(alone))] == [first.trade(i, "") for i in range(len(first))]
    assert len(alone) == 1


# --- real symbols


@pytest.mark.parametrize(
    ("universe", "scored"),
    [("nifty50", True), *(pytest.param("nifty200", scored, marks=pytest.mark.slow) for scored in (True, False))],
)
def test_all_of_an_index_trade_as_they_do_alone(
    real_market: Path, sessions: SessionTable, universe: str, *, scored: bool
) -> None:
    store = Store(real_market, sessions)
    tried = [PARAMETERS] if scored else [PARAMETERS, OTHERS[1]]
    tables = MarketTables.gather(store, sessions, store.universe(universe))
    first, last = date(2018, 1, 1), date(2025, 12, 31)
    found = run_settings(tables, tried, first=first, last=last, scored=scored)
    for setting, parameters in enumerate(tried):
        for instrument, name in enumerate(tables.instruments):
            if setting and instrument % 10:
                continue
            bars = store.history(name)
            assert bars is not None
            world = BacktestContext.gather(store, sessions, parameters, name, history=bars)
            assert_same(found, setting, instrument, (gated if scored else run)(world, first=first, last=last))
    assert len(found.trades) > 5 * len(tables.instruments)


def test_a_run_goes_on_from_its_state(real_market: Path, sessions: SessionTable) -> None:
    from tradectl.research.vectorized.fills import trades_of
    from tradectl.research.vectorized.loop import Loop
    from tradectl.research.vectorized.strategy import Strategy

    store = Store(real_market, sessions)
    tables = MarketTables.gather(store, sessions, store.universe("nifty50")[:10])
    tried: list[Parameters] = [OTHERS[1]]
    columns, made = tables.columns(tried[0])
    entry_bars = tables.entry_bars(made, tried)
    rule = Strategy(tables, tried, columns, entry_bars)
    whole, parts = Loop(tables, rule), Loop(tables, rule)
    last = date(2020, 12, 31).toordinal()
    rows = range(int(np.searchsorted(tables.days, last, side="right")))
    for row in rows:
        whole.step(row, last)
    for row in rows[:400]:
        parts.step(row, last)
    again = Loop(tables, rule, state=parts.state, fill_log=parts.fill_log)
    for row in rows[400:]:
        again.step(row, last)
    one, other = (trades_of(item.fill_log, tables.days, len(tables.instruments), [0])[0] for item in (whole, again))
    assert [one.trade(i, "") for i in range(len(one))] == [other.trade(i, "") for i in range(len(other))]
    assert len(one) > 100
