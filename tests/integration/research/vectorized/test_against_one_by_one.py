"""The vectorized engine makes the trades of `backtest`, one symbol and setting after the other.

The positions of possible entries equal those of each entry alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.integration.research import one_by_one
from tests.integration.research.studies import FIRST, LAST, study_of
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated, run
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.vectorized import engine
from tradectl.research.vectorized.market import MarketTables
from tradectl.settings import Settings
from tradectl.strategy.parameters import Parameters

EAGER = Parameters(rsi_entry_above=40, rsi_entry_below=40)


def facts_of(settings: Settings, instrument_id: str, parameters: Parameters) -> BacktestContext:
    _, market = study_of(settings)
    history = market.history(instrument_id)
    assert history is not None
    return BacktestContext.gather(market, market.sessions, parameters, instrument_id, history=history)


def rows_of(closed: ClosedTrades) -> set[tuple[int, ...]]:
    names = ("instrument", "entry", "exit", "gross", "charges", "cost")
    return {tuple(row) for row in np.array([getattr(closed, name) for name in names]).T.tolist()}


@pytest.mark.parametrize("scored", [True, False])
def test_the_trades_are_those_of_a_backtest_of_each_symbol(invented: Settings, scored: bool) -> None:
    study, market = study_of(invented)
    settings = [Parameters(), EAGER]
    found = one_by_one.backtests(market, study.instruments, settings, first=FIRST, last=LAST, scored=scored)
    for parameters, closed in zip(settings, found, strict=True):
        trades = {}
        for number, instrument_id in enumerate(study.instruments):
            context = facts_of(invented, instrument_id, parameters)
            done = gated(context, first=FIRST, last=LAST) if scored else run(context, first=FIRST, last=LAST)
            trades[number] = done.trades
        assert closed.packed() == ClosedTrades.of_trades(trades).packed()
        assert len(closed) > 10


def test_a_possible_entry_earns_what_it_would_have_alone(invented: Settings) -> None:
    study, market = study_of(invented)
    name = study.instruments[1]
    any_rsi = replace(EAGER, rsi_entry_above=101.0, rsi_entry_below=101.0)
    context = facts_of(invented, name, any_rsi)
    allowed = np.flatnonzero((context.features.quality >= 50) & (context.features.volume_ratio >= 0.5))
    alone = ClosedTrades.of_trades({})
    for i in allowed[::6].tolist():
        alone += ClosedTrades.of_trades(
            {0: run(context, first=FIRST, last=LAST, accept=lambda j, i=i: j == i).trades}
        ).positions()
    found = one_by_one.positions(market, [name], EAGER, first=FIRST, last=LAST)
    assert 3 * len(alone) < len(found)
    assert rows_of(alone)
    assert rows_of(alone) <= rows_of(found)
    assert len(set(found.entry.tolist())) == len(found), "each once"


def test_every_real_position_is_among_the_possible_ones(invented: Settings) -> None:
    study, market = study_of(invented)
    [real] = one_by_one.backtests(market, study.instruments, [EAGER], first=FIRST, last=LAST, scored=False)
    possible = one_by_one.positions(market, study.instruments, EAGER, first=FIRST, last=LAST)
    mine = rows_of(real.positions())
    assert len(mine) > 20
    assert mine <= rows_of(possible)


@pytest.mark.parametrize("scored", [True, False])
def test_lanes_come_to_the_same_trades(invented: Settings, scored: bool) -> None:
    study, market = study_of(invented)
    settings = [Parameters(), EAGER, replace(EAGER, ema_fast=7), replace(EAGER, rsi_exit=45.0, capital_per_trade=30_000)]
    slow = one_by_one.backtests(market, study.instruments, settings, first=FIRST, last=LAST, scored=scored)
    gathered = MarketTables.gather(market, market.sessions, study.instruments)
    fast = engine.closed_trades(gathered, settings, first=FIRST, last=LAST, scored=scored)
    assert [closed.packed() for closed in fast] == [closed.packed() for closed in slow]


def test_lanes_come_to_the_same_possible_positions(invented: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    study, market = study_of(invented)
    slow = one_by_one.positions(market, study.instruments, EAGER, first=FIRST, last=LAST)
    gathered = MarketTables.gather(market, market.sessions, study.instruments)
    for copies in (1, 40):
        monkeypatch.setattr(engine, "COPIES", copies)
        assert engine.possible_positions(gathered, EAGER, first=FIRST, last=LAST).packed() == slow.packed()
