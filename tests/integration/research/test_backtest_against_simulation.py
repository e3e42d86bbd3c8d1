"""`backtest SYMBOL` and `simulate` without limits make the same trades, to the paisa.

The long run, 20 symbols over 7 years, is `benchmarks/backtest_against_simulate.py`; these are its hard cases.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.integration.research.world import EAGER, simulated
from tradectl.backtest.context import BacktestContext
from tradectl.backtest.engine import gated
from tradectl.backtest.symbol_run import Backtest
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.report.simulation import trade_row
from tradectl.screener.readings import Readings
from tradectl.strategy.parameters import Parameters, with_changes

PATIENT = EAGER | {"ema_fast": "100", "rsi_exit": "100"}
"""Buys as often, and sells only at the average of 100 days, so positions last for weeks."""


@dataclass(frozen=True)
class Case:
    """Symbols over a span. `through`: (symbol, date) over which a trade or an open position must be held, else the case tests
    nothing. `every`: minutes between the steps of the sell monitor; the trades do not depend on them.
    """

    symbols: Sequence[str]
    first: date
    last: date
    changes: Mapping[str, str] = field(default_factory=dict)
    through: Sequence[tuple[str, date]] = ()
    every: int = 25


LONG = "eighteen months as set"
CASES = {
    LONG: Case(("RELIANCE", "NESTLEIND", "DRREDDY", "WIPRO", "NMDC", "CANBK"), date(2023, 7, 3), date(2024, 12, 31), every=1),
    "a bonus, credited after 15 sessions and Muhurat": Case(
        ("MOTHERSON", "NMDC"),
        date(2022, 9, 1),
        date(2022, 11, 15),
        through=[("MOTHERSON", date(2022, 10, 3)), ("MOTHERSON", date(2022, 10, 24))],
    ),
    "a split and a bonus before Muhurat": Case(
        ("RELIANCE", "DRREDDY"),
        date(2024, 10, 1),
        date(2024, 11, 15),
        EAGER,
        [("RELIANCE", date(2024, 10, 28)), ("DRREDDY", date(2024, 10, 28)), ("DRREDDY", date(2024, 11, 1))],
    ),
    "a split and a bonus at the turn of the year": Case(
        ("SHRIRAMFIN", "NMDC"),
        date(2024, 12, 9),
        date(2025, 1, 24),
        EAGER,
        [("NMDC", date(2024, 12, 27)), ("SHRIRAMFIN", date(2025, 1, 10))],
    ),
    "a demerger held": Case(("BRITANNIA",), date(2021, 5, 10), date(2021, 6, 15), PATIENT, [("BRITANNIA", date(2021, 5, 25))]),
    "a demerger sold on its day": Case(
        ("SIEMENS",), date(2025, 2, 3), date(2025, 4, 15), PATIENT, [("SIEMENS", date(2025, 4, 7))]
    ),
    "minute bars instead of daily paths": Case(
        ("INFY", "RELIANCE", "TCS", "SBIN"), date(2021, 3, 22), date(2021, 5, 14), EAGER, every=1
    ),
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=[pytest.mark.slow] if name == LONG else []) for name, case in CASES.items()]
)
def test_both_make_the_same_trades(case: Case, tmp_path: Path, real_market: Path, sessions: SessionTable) -> None:
    run = simulated(
        tmp_path,
        real_market,
        case.first,
        case.last,
        universe=case.symbols,
        capital=1_000_000_00 * len(case.symbols),
        changes=case.changes,
        limits=False,
        every=case.every,
    )
    simulation = run.result()
    assert simulation["reconciled"], simulation["differences"]
    assert not simulation["troubles"]
    backtests = backtested(Store(real_market, sessions), case)
    trades = [trade_row(trade) for done in backtests.values() for trade in done.trades]
    assert in_order(simulation["trades"]) == in_order(trades)
    assert len(trades) >= len(case.symbols)
    held = {symbol: done.open_position.quantity for symbol, done in backtests.items() if done.open_position}
    assert {item["symbol"]: item["quantity"] for item in simulation["open_positions"]} == held
    for symbol, day in case.through:
        assert held_over(backtests[symbol], day), f"{symbol} was not held over {day}"


def backtested(store: Store, case: Case) -> dict[str, Backtest]:
    parameters = with_changes(Parameters(), dict(case.changes))
    readings = Readings(store, parameters)
    found = {}
    for symbol in case.symbols:
        instrument_id = store.find(symbol, case.last)
        history = store.history(instrument_id)
        assert history is not None
        context = BacktestContext.gather(
            store, store.sessions, parameters, instrument_id, history=history, columns=readings.features_of(history)
        )
        found[symbol] = gated(context, first=case.first, last=case.last)
    return found


def in_order(trades: Sequence[Mapping[str, Any]]) -> list[tuple[tuple[str, Any], ...]]:
    return sorted(tuple(trade.items()) for trade in trades)


def held_over(done: Backtest, day: date) -> bool:
    """Return whether shares were held from before `day` until that day or later."""
    waiting = done.open_position.lots if done.open_position else ()
    return any(trade.entry_session < day <= trade.exit_session for trade in done.trades) or any(
        lot.session < day for lot in waiting
    )


def test_minute_bars_make_another_path_than_the_day_does(real_market: Path, sessions: SessionTable) -> None:
    """Otherwise the comparison on minute bars would test nothing."""
    case = CASES["minute bars instead of daily paths"]
    minutes = backtested(Store(real_market, sessions), case)
    without = backtested(DayBarsOnly(real_market, sessions), case)
    assert {symbol: done.trades for symbol, done in minutes.items()} != {symbol: done.trades for symbol, done in without.items()}


class DayBarsOnly(Store):
    """The market without its minute bars."""

    def minutes(self, instrument_id: str, session: date) -> Sequence[tuple[int, int, int, int, int, int]]:
        return ()


def test_the_script_compares_the_two_commands(tmp_path: Path, real_market: Path) -> None:
    (tmp_path / "tradectl.toml").write_text(f'market = "{real_market}"\n')
    script = str(ROOT / "benchmarks" / "backtest_against_simulate.py")
    words = ["SHRIRAMFIN,NMDC", "--from", "2025-01-01", "--to", "2025-01-31", "--home", str(tmp_path), "--set", "buy_score=0"]
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" trades of 2 symbols: the same to the paisa\n")
