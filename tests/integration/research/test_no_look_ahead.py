"""No decision depends on later data: with the future cut off, the past is decided in the same words and bits."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from tests.integration.research.cut_market import cut_market
from tests.integration.research.world import EAGER, Rows, simulated
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import reference
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.runtime.simulate import Seed
from tradectl.strategy.parameters import Parameters

SYMBOLS = (
    "RELIANCE", "NESTLEIND", "BAJFINANCE", "TATASTEEL", "INFY", "TCS", "SBIN", "ITC", "HDFCBANK", "WIPRO", "DRREDDY", "MARUTI",
)  # fmt: skip
RANDOM = random.Random(20261123)
WITH_ACTIONS = SYMBOLS[:8]
"""Symbols of the quick runs, among them those with corporate actions. The score of each needs a long backtest."""
ANYTHING = EAGER | {"rsi_entry_above": "75", "rsi_entry_below": "75"}
"""Settings with which nearly every symbol is bought on every evening, the last one too, so that a leak would show."""
TOLD = {
    date(2023, 7, 19): "a demerger on the next run session",
    date(2024, 1, 3): "a split after the next run session",
    date(2024, 10, 31): "Muhurat before the next run session",
    date(2025, 6, 13): "a split and a bonus on one day, the next run session",
}
DRAWN = sorted(date.fromordinal(RANDOM.randrange(*map(date.toordinal, span))) for span in (
    (date(2019, 6, 1), date(2021, 3, 1)),
    (date(2021, 4, 20), date(2021, 6, 11)),  # minute bars
    (date(2021, 7, 1), date(2023, 6, 1)),
))  # fmt: skip
OFTEN = {date(2021, 5, 31), date(2023, 7, 19), date(2025, 6, 13)}
"""Tried with every change, with a few symbols: one with minute bars, and the two with most corporate actions on their next run
session. The whole tests are slow.
"""
DECIDED = ("signals", "decisions", "orders", "fills", "positions", "adjustments", "daily_stats", "task_executions", "user_logs")


@dataclass(frozen=True)
class Case:
    """An evening, the symbols, how many sessions before it are simulated, and the minutes between steps of the sell monitor."""

    about: date
    symbols: Sequence[str] = SYMBOLS
    before: int = 9
    every: int = 5

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.about), TOLD.get(self.about, ""), "" if self.symbols is SYMBOLS else "in short")))


@pytest.mark.parametrize(
    "case",
    [
        *(Case(day, WITH_ACTIONS, before=5, every=15) for day in sorted(OFTEN)),
        *(pytest.param(Case(day), marks=pytest.mark.slow) for day in (*DRAWN, *TOLD)),
    ],
    ids=str,
)
def test_cutting_the_future_leaves_every_decision_as_it_was(
    case: Case, tmp_path: Path, shared_data: Path, real_market: Path, sessions: SessionTable
) -> None:
    last = sessions.run_between(sessions.first, case.about)[-1].date
    cut = cut_market(tmp_path / "cut", shared_data, sessions, case.symbols, last)
    with_future, without = (decided(tmp_path / market.name, market, case, last, sessions) for market in (real_market, cut))
    assert len([order for order in with_future["orders"] if order["session_date"] > last]) >= 3
    assert len(with_future["fills"]) > len(case.symbols) / 2
    assert len(with_future["decisions"]) > case.before * len(case.symbols)
    for name in DECIDED:
        assert with_future[name] == without[name]


def decided(folder: Path, market: Path, case: Case, last: date, sessions: SessionTable) -> Rows:
    """Return all decisions of the sessions up to `last`, and of the morning after them before its open."""
    days = [session.date for session in sessions.run_between(sessions.first, last)[-1 - case.before :]]
    seeds = [Seed(symbol, 10, day) for symbol, day in zip(case.symbols, [days[0]] * 3 + [days[-2]] * 3, strict=False)]
    run = simulated(
        folder, market, days[0], last, universe=case.symbols, changes=ANYTHING, limits=False, every=case.every, seeds=seeds
    )
    run.morning("premarket-retry", "08:00")
    return run.rows(*DECIDED)


def test_trades_that_were_closed_do_not_depend_on_later_bars(real_market: Path, sessions: SessionTable) -> None:
    whole, parameters = Store(real_market, sessions), Parameters()
    cuts = [Store(real_market, sessions, through=day) for day in (date(2020, 3, 23), date(2022, 9, 30), *DRAWN, *TOLD)]
    closed = 0
    for symbol in whole.universe("nifty50"):
        trades = reference(context(whole, symbol, parameters))
        for cut in cuts:
            assert cut.through is not None
            if cut.history(symbol) is not None:
                then = reference(context(cut, symbol, parameters))
                assert then == tuple(trade for trade in trades if trade.exit_session <= cut.through), f"{symbol} {cut.through}"
                closed += len(then)
    assert closed > 1000


def context(store: Store, symbol: str, parameters: Parameters) -> BacktestContext:
    history = store.history(symbol)
    assert history is not None
    return BacktestContext.gather(store, store.sessions, parameters, symbol, history=history)
