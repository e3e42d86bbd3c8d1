"""`analyze` as a whole process, from its start to its end, against a bare `python -c 'import typer, sqlite3'`.

Warm is the day's own case: each evening of the last two months was analysed. Cold has nothing but the market data, as after a
rebuilt history. Against the four indicators alone, made by a script of pandas, `ta` and Parquet, stands the warm one on a quarter
of the symbols.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.form import Pair, Result, Row, Target, at_most
from benchmarks.market import calendar, home, panel
from benchmarks.simulate import ROOT, environment
from benchmarks.timing import Usage, run_process
from tradectl.marketdata.store import Store

BARE = (sys.executable, "-c", "import typer, sqlite3")
MEMORY = 300.0
"""MB that the process may take at its peak."""
INDICATORS = """
import sys
import pandas as pd
from ta.momentum import RSIIndicator
from ta.trend import EMAIndicator, SMAIndicator

close, volume = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
for symbol in close:
    there = close[symbol].dropna()
    RSIIndicator(there, 10).rsi(), EMAIndicator(there, 9).ema_indicator(), EMAIndicator(there, 200).ema_indicator()
    SMAIndicator(volume[symbol].dropna(), 50).sma_indicator()
"""
Runs = list[tuple[Usage, Usage]]


def measure(quick: bool) -> Result:
    symbols, few, sessions, evenings, repeats = (20, 10, 300, 1, 2) if quick else (2000, 500, 2500, 40, 5)
    skipped: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cold = [(Analyst(symbols, sessions, folder).run(sessions - 1), _bare()) for _ in range(min(repeats, 2))]
        warm = _warm(Analyst(symbols, sessions, folder), evenings, repeats, _bare)
        rows = [*_rows("warm", warm, at_most(10)), *_rows("cold", cold)]
        if find_spec("pyarrow"):
            script = _indicators(few, sessions, folder)
            pairs = _elapsed(_warm(Analyst(few, sessions, folder), evenings, min(repeats, 3), script))
            rows.append(Row.share(f"{few} symbols, warm: ta, pandas, Parquet, indicators alone", pairs, at_most(0.4)))
        else:
            skipped = ("pyarrow is not installed",)
    return Result(f"{symbols} symbols x {sessions} sessions, whole processes", tuple(rows), skipped)


class Analyst:
    """A copy of the home of a market, with all derived that an import derives, where nobody has analysed yet."""

    def __init__(self, symbols: int, sessions: int, folder: Path) -> None:
        self.days = [session.date for session in calendar().between(calendar().first, calendar().last)][:sessions]
        self.home = folder / f"home-{symbols}"
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(home(symbols, sessions), self.home)
        Store(self.home / "market", calendar()).last_session()

    def run(self, session: int) -> Usage:
        """Analyse one of the sessions, counted from 0, in its evening."""
        day: date = self.days[session]
        words = ("--home", str(self.home), "--at", f"{day} 19:30")
        command = (sys.executable, "-m", "tradectl", "config", "set", "universe", "all", *words)
        if not (self.home / "ledger.db").exists():
            run_process(command, environment(ROOT))
        return run_process((sys.executable, "-m", "tradectl", "analyze", *words, "--json"), environment(ROOT))


def _bare() -> Usage:
    return run_process(BARE, environment(ROOT))


def _warm(analyst: Analyst, evenings: int, repeats: int, theirs: Callable[[], Usage]) -> Runs:
    """The last sessions, each after the ones before: who was a candidate on one of these `evenings` is run on from there, a new
    one from its first bar."""
    first = len(analyst.days) - repeats
    for session in range(first - evenings, first):
        analyst.run(session)
    return [(analyst.run(session), theirs()) for session in range(first, len(analyst.days))]


def _rows(name: str, runs: Runs, target: Target | None = None) -> list[Row]:
    memory = [(ours.peak, MEMORY) for ours, _ in runs]
    return [
        Row.share(f"{name}: a bare typer and sqlite3", _elapsed(runs), target),
        Row.share(f"{name}: the same, seconds of the processor", [(ours.cpu, theirs.cpu) for ours, theirs in runs]),
        Row.share(f"{name}: peak memory, of {MEMORY:.0f} MB", memory, at_most(1) if target else None, unit="MB"),
    ]


def _elapsed(runs: Runs) -> list[Pair]:
    return [(ours.elapsed, theirs.elapsed) for ours, theirs in runs]


def _indicators(symbols: int, sessions: int, folder: Path) -> Callable[[], Usage]:
    """A run of the script over the same bars, which lie there as Parquet."""
    import pandas as pd

    market = panel(symbols, sessions)
    there, paths = market.state > 0, []
    for name, values in (("close", market.close / 100 * market.multiplier), ("volume", market.volume / market.multiplier)):
        paths.append(str(folder / f"{name}.parquet"))
        pd.DataFrame(np.where(there, values, np.nan), columns=list(market.instruments)).to_parquet(paths[-1])
    return lambda: run_process((sys.executable, "-c", INDICATORS, *paths), environment(ROOT))
