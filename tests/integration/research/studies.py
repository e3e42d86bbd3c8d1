"""Studies of a small invented market, worked on in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from tradectl import bootstrap
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.marketdata.synthetic import make_market
from tradectl.research.study import Setting, Study, fingerprint, generation_of
from tradectl.research.sweep import Progress, Sweep
from tradectl.research.sweep_cache import SweepCache
from tradectl.runtime.interrupt import Stop
from tradectl.settings import Settings
from tradectl.strategy.parameters import Parameters, with_changes

FIRST, LAST = date(2023, 1, 2), date(2025, 6, 30)
SYMBOLS = 3
CHANGES = [{"rsi_entry_above": rsi, "ema_fast": ema} for rsi in ("25", "35", "45") for ema in ("7", "9")]
SETTINGS = [Setting(with_changes(Parameters(), changes)) for changes in CHANGES]
Rows = dict[tuple[str, str], bytes]


def market_in(folder: Path) -> Settings:
    """Return a home with a market of three companies over two and a half years."""
    home = folder / "home"
    make_market(home / "market", SessionTable.load(), last=LAST, first=FIRST, symbols=SYMBOLS)
    return Settings(home, f"sqlite:///{home}/ledger.db", home / "paper.db", home / "market", home / "sessions.csv", home / "key")


def study_of(settings: Settings, *, scored: bool = True) -> tuple[Study, Store]:
    market = bootstrap.open_store(settings)
    rules, generation = fingerprint(settings.sessions), generation_of(settings.market)
    return Study(settings, market.universe("demo"), FIRST, LAST, scored, generation, rules), market


def silence(name: str, done: int, total: int) -> None:
    """Ignore progress."""


@contextmanager
def sweep_of(
    study: Study, home: Path, *, jobs: int = 1, dask: str = "", stop: Stop | None = None, progress: Progress = silence
) -> Iterator[Sweep]:
    """Open a sweep whose results are stored in `home`."""
    cache = SweepCache(home, study.key)
    try:
        yield Sweep(study, cache, stop or Stop(), progress, jobs, dask)
    finally:
        cache.close()


def rows_in(home: Path, study: Study) -> Rows:
    """Return the stored results by setting and part."""
    cache = SweepCache(home, study.key)
    try:
        found = cache.db.execute("SELECT setting, part, trades FROM results WHERE study = ?", [study.key]).fetchall()
    finally:
        cache.close()
    return {(setting, part): packed for setting, part, packed in found}
