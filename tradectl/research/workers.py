"""Run the work of a sweep in this process, in other processes of this machine, or in the workers of a Dask cluster.

Processes with the same market data and the same rules return the same bytes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache

from msgspec import Struct

from tradectl import bootstrap
from tradectl.backtest.context import Span
from tradectl.errors import BrokerUnavailable, DataError, UsageError
from tradectl.marketdata.store import Store
from tradectl.research.backtests import BacktestRequest, run_alone
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.study import Setting, Study, fingerprint, generation_of
from tradectl.research.vectorized import engine
from tradectl.research.vectorized.market import MarketTables
from tradectl.strategy.strategy_forms import strategy_of

PATIENCE = 20
"""Seconds to wait for a Dask scheduler."""


class BacktestWork(Struct, frozen=True):
    """Compute the closed trades of some settings; one packed result per setting."""

    study: Study
    settings: tuple[Setting, ...]

    @property
    def part(self) -> str:
        """Return the name of the results in the cache."""
        return "trades"

    def do(self) -> list[bytes]:
        """Return the packed results."""
        study = self.study
        market = market_of(study, study.instruments)
        settings = [setting.parameters for setting in self.settings]
        found = engine.closed_trades(market, settings, first=study.first, last=study.last, scored=study.scored)
        return [closed.packed() for closed in found]


class PossibleWork(Struct, frozen=True):
    """Compute the result of every possible entry in the instruments `begin` to `end` - 1 with one setting; one packed result."""

    study: Study
    settings: tuple[Setting]
    begin: int
    end: int

    @property
    def part(self) -> str:
        """Return the name of the result in the cache."""
        return f"possible {self.begin} to {self.end}"

    def do(self) -> list[bytes]:
        """Return the packed result."""
        study = self.study
        market = market_of(study, study.instruments[self.begin : self.end])
        found = engine.possible_positions(market, self.settings[0].parameters, first=study.first, last=study.last)
        return [found.packed()]


class StrategyWork(Struct, frozen=True):
    """Compute the closed trades of some settings of an own strategy; one packed result per setting."""

    study: Study
    settings: tuple[Setting, ...]

    @property
    def part(self) -> str:
        """Return the name of the results in the cache."""
        return "trades"

    def do(self) -> list[bytes]:
        """Return the packed results."""
        study, market, file = self.study, store_of(self.study), self.study.strategy
        if file is None:
            raise AssertionError("the study has no strategy")
        strategy, span = strategy_of(file.name, file.form, file.text), Span(study.first, study.last)
        found = []
        for setting in self.settings:
            rule = strategy.rule(dict(setting.values))
            request = BacktestRequest(study.settings, market, "", study.instruments, setting.parameters, span, rule=rule)
            trades = {number: done.trades for number, (_, done) in enumerate(run_alone(request))}
            found.append(ClosedTrades.of_trades(trades).packed())
        return found


Work = BacktestWork | PossibleWork | StrategyWork


def do(work: Work) -> list[bytes]:
    """Run a piece of work in a worker process and return its packed results."""
    return work.do()


@lru_cache(maxsize=2)
def market_of(study: Study, instruments: tuple[str, ...]) -> MarketTables:
    """Return the tables of some instruments of the study. Raises DataError as `store_of`."""
    market = store_of(study)
    return MarketTables.gather(market, market.sessions, instruments)


@lru_cache(maxsize=1)
def store_of(study: Study) -> Store:
    """Return the market of a study. Raises DataError if this process has other market data or rules."""
    market = bootstrap.open_past(study.settings)
    generation, rules = generation_of(study.settings.market), fingerprint(study.settings.sessions)
    if generation != study.generation:
        raise DataError(f"the market data in {study.settings.market} changed since the sweep began: start the sweep again")
    if rules != study.rules:
        raise DataError("a worker has another version of tradectl or other sessions, so its results cannot be used")
    return market


Done = Iterator[tuple[Work, list[bytes]]]


def run_here(works: Sequence[Work], jobs: int) -> Done:
    """Yield each piece of work with its results. `jobs`: number of processes; with 1, this process does the work."""
    jobs = min(jobs, len(works))
    if jobs <= 1:
        yield from ((work, do(work)) for work in works)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_follow_parent)
    try:
        futures = {pool.submit(do, work): work for work in works}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def run_on_dask(works: Sequence[Work], address: str) -> Done:
    """Yield each piece of work with its results from a Dask cluster. Its workers must have the market data at the same path.

    Raises UsageError if Dask is not installed, BrokerUnavailable if the scheduler does not respond.
    """
    try:
        from distributed import Client
        from distributed import as_completed as completed
    except ImportError as error:
        raise UsageError("--dask needs the extra `dask`: pip install 'tradectl[dask]'") from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        raise BrokerUnavailable(f"no Dask scheduler responds at {address}") from error
    with client:
        futures = {client.submit(do, work, pure=False): work for work in works}
        for future, result in completed(list(futures), with_results=True):
            yield futures[future], result


def _follow_parent() -> None:
    """Ignore interrupts, which the parent process handles, and end when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
