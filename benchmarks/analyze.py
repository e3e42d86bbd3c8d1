"""`analyze` as a whole process, from its start to its end, against a bare `python -c 'import typer, sqlite3'`.

An evening leaves only the ledger for the next one, so each run computes everything from the market data. On a quarter of the
symbols the process is compared with a script of pandas, `ta` and Parquet that computes only the four indicators.
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

from benchmarks.form import Pair, Result, Row, at_most
from benchmarks.market import calendar, home, panel
from benchmarks.simulate import ROOT, environment
from benchmarks.timing import Usage, run_process
from tradectl.marketdata.store import Store

BARE = (sys.executable, "-c", "import typer, sqlite3")
BOUND = 20.0
"""The target: the time of the process, as a multiple of a bare start."""
MEMORY = 300.0
"""The target: the peak memory of the process, in MB."""
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
    """Compare `analyze` with a bare start and with a script of other libraries."""
    symbols, few, sessions, repeats = (20, 10, 300, 2) if quick else (2000, 500, 2500, 5)
    skipped: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = _rows(_paired_runs(AnalyzeRuns(symbols, sessions, folder), repeats, _bare))
        if find_spec("pyarrow"):
            script = _indicators(few, sessions, folder)
            pairs = _elapsed(_paired_runs(AnalyzeRuns(few, sessions, folder), min(repeats, 3), script))
            rows.append(Row.share(f"{few} symbols: only indicators by ta, pandas, Parquet", pairs))
        else:
            skipped = ("pyarrow is not installed",)
    return Result(f"{symbols} symbols x {sessions} sessions, whole processes", tuple(rows), skipped)


class AnalyzeRuns:
    """Runs `analyze` on a copy of a market's home, which has all the data that an import derives."""

    def __init__(self, symbols: int, sessions: int, folder: Path) -> None:
        self.days = [session.date for session in calendar().between(calendar().first, calendar().last)][:sessions]
        self.home = folder / f"home-{symbols}"
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(home(symbols, sessions), self.home)
        Store(self.home / "market", calendar()).last_session()

    def run(self, session: int) -> Usage:
        """Run `analyze` in the evening of a session, counted from 0."""
        day: date = self.days[session]
        words = ("--home", str(self.home), "--at", f"{day} 19:30")
        command = (sys.executable, "-m", "tradectl", "config", "set", "universe", "all", *words)
        if not (self.home / "ledger.db").exists():
            run_process(command, environment(ROOT))
        return run_process((sys.executable, "-m", "tradectl", "analyze", *words, "--json"), environment(ROOT))


def _bare() -> Usage:
    return run_process(BARE, environment(ROOT))


def _paired_runs(analyze: AnalyzeRuns, repeats: int, theirs: Callable[[], Usage]) -> Runs:
    """Return the usage of `analyze` on each of the last sessions, each with the usage of one run of `theirs`."""
    return [(analyze.run(len(analyze.days) - i), theirs()) for i in range(repeats, 0, -1)]


def _rows(runs: Runs) -> list[Row]:
    return [
        Row.share("a bare typer and sqlite3", _elapsed(runs), at_most(BOUND)),
        Row.share("a bare typer and sqlite3, processor time", [(ours.cpu, theirs.cpu) for ours, theirs in runs]),
        Row.share(f"peak memory: {MEMORY:.0f} MB", [(ours.peak, MEMORY) for ours, _ in runs], at_most(1), unit="MB"),
    ]


def _elapsed(runs: Runs) -> list[Pair]:
    return [(ours.elapsed, theirs.elapsed) for ours, theirs in runs]


def _indicators(symbols: int, sessions: int, folder: Path) -> Callable[[], Usage]:
    """Return a function that runs the script on the same bars, stored as Parquet."""
    import pandas as pd

    market = panel(symbols, sessions)
    there, paths = market.state > 0, []
    for name, values in (("close", market.close / 100 * market.multiplier), ("volume", market.volume / market.multiplier)):
        paths.append(str(folder / f"{name}.parquet"))
        pd.DataFrame(np.where(there, values, np.nan), columns=list(market.instruments)).to_parquet(paths[-1])
    return lambda: run_process((sys.executable, "-c", INDICATORS, *paths), environment(ROOT))
