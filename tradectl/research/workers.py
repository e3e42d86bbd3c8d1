"""The work of a sweep, and the processes that do it: this one, others on this machine, or the workers of a Dask cluster.

A process with the same market and the same rules returns the same bytes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache

from tradectl import bootstrap
from tradectl.errors import BrokerUnavailable, DataError, UsageError
from tradectl.research.study import Study, fingerprint, generation_of
from tradectl.research.vectorized import engine
from tradectl.research.vectorized.market import MarketTables
from tradectl.strategy.parameters import Parameters

PATIENCE = 20
"""Seconds to wait for a scheduler."""


@dataclass(frozen=True)
class BacktestWork:
    """The closed trades of some settings; one packed result a setting."""

    study: Study
    settings: tuple[Parameters, ...]

    @property
    def part(self) -> str:
        return "trades"

    def do(self) -> list[bytes]:
        study = self.study
        market = market_of(study, study.instruments)
        found = engine.backtests(market, self.settings, first=study.first, last=study.last, scored=study.scored)
        return [closed.packed() for closed in found]


@dataclass(frozen=True)
class PossibleWork:
    """What every possible entry in some of the instruments would have come to under one setting; one packed result."""

    study: Study
    settings: tuple[Parameters]
    begin: int
    end: int

    @property
    def part(self) -> str:
        return f"possible {self.begin} to {self.end}"

    def do(self) -> list[bytes]:
        study = self.study
        market = market_of(study, study.instruments[self.begin : self.end])
        found = engine.positions(market, self.settings[0], first=study.first, last=study.last)
        return [found.packed()]


Work = BacktestWork | PossibleWork


def do(work: Work) -> list[bytes]:
    """What a worker process is asked for."""
    return work.do()


@lru_cache(maxsize=2)
def market_of(study: Study, instruments: tuple[str, ...]) -> MarketTables:
    """Some instruments of the study's market. DataError where this process sees another market, or knows other rules."""
    market = bootstrap.open_store(study.settings)
    generation, rules = generation_of(study.settings.market), fingerprint(study.settings.sessions)
    if generation != study.generation:
        raise DataError(f"the market data in {study.settings.market} is not what the sweep began with: start it again")
    if rules != study.rules:
        raise DataError("a worker has another version of tradectl, or other sessions, than this program: its results are no use")
    return MarketTables.gather(market, market.sessions, instruments)


Done = Iterator[tuple[Work, list[bytes]]]


def here(works: Sequence[Work], jobs: int) -> Done:
    """Each piece of work as it is done, by so many processes of this machine; with one, by this process itself."""
    jobs = min(jobs, len(works))
    if jobs <= 1:
        yield from ((work, do(work)) for work in works)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_serve)
    try:
        futures = {pool.submit(do, work): work for work in works}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def on_dask(works: Sequence[Work], address: str) -> Done:
    """Each piece of work as it is done by an existing cluster, whose workers see the same market under the same path.

    Raises UsageError without Dask, BrokerUnavailable where no scheduler answers.
    """
    try:
        from distributed import Client
        from distributed import as_completed as completed
    except ImportError as error:
        raise UsageError("--dask needs the extra `dask`: pip install 'tradectl[dask]'") from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        raise BrokerUnavailable(f"no Dask scheduler answers at {address}") from error
    with client:
        futures = {client.submit(do, work, pure=False): work for work in works}
        for future, result in completed(list(futures), with_results=True):
            yield futures[future], result


def _serve() -> None:
    """A worker leaves interrupts to the process that started it, and ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
