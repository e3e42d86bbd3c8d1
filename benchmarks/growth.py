"""How time grows with symbols and with sessions: the exponent of a fitted power, 1 where twice as much takes twice as long.

Only what is there in every case counts, so the start of a process is left out. Above 1.15 something grows faster than its input;
below 1 a fixed part is still seen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.form import Result, Row, at_most
from benchmarks.market import calendar, closes, home
from benchmarks.simulate import ROOT, WARM_UP, Program, copy_of
from benchmarks.sweep import SETTINGS, market_of
from benchmarks.timing import seconds
from tradectl.marketdata.store import Store
from tradectl.research.vectorized import engine
from tradectl.research.vectorized.market import MarketTables
from tradectl.screener.screen import ScreenRequest, screen_alone
from tradectl.strategy.indicators import ema, rsi
from tradectl.strategy.parameters import Parameters

LINEAR = at_most(1.15)
SWEPT = SETTINGS[::8]
"""Settings of the sweep, in four groups that see the same indicators."""
EVENINGS = 10
Work = Callable[[], float]
"""Does the work once; its seconds."""


def measure(quick: bool) -> Result:
    symbols, sessions, repeats = ((20, 40, 80), (100, 200, 400), 2) if quick else ((500, 1000, 2000), (625, 1250, 2500), 3)
    spans, repeated = ((2, 4), 1) if quick else ((20, 40, 80), 2)
    few = tuple(count // 4 for count in symbols)
    rows = [
        *both_ways("indicators", indicators, symbols, sessions, repeats),
        *both_ways("analyze, cold", lambda n, m: analysis(n, m, warm=False), symbols, sessions, repeats),
        *both_ways("analyze, warm", lambda n, m: analysis(n, m, warm=True), symbols, sessions, repeats),
        *both_ways("backtest", lambda n, m: backtests(n, m, [Parameters()]), symbols, sessions, repeated),
        *both_ways("sweep", lambda n, m: backtests(n, m, SWEPT), few, sessions, repeated),
    ]
    with tempfile.TemporaryDirectory() as name:
        here = Program(ROOT, copy_of(home(6 if quick else 50, WARM_UP + spans[-1] + 40), Path(name) / "home"))
        rows.append(fitted("simulate, sessions", {n: simulation(here, n) for n in spans}, repeated))
    return Result(f"{symbols} symbols ({few} swept), {sessions} sessions", tuple(rows))


def both_ways(
    name: str, work: Callable[[int, int], Work], symbols: Sequence[int], sessions: Sequence[int], repeats: int
) -> list[Row]:
    """More symbols over all sessions, then more sessions of all symbols."""
    return [
        fitted(f"{name}, symbols", {n: work(n, sessions[-1]) for n in symbols}, repeats),
        fitted(f"{name}, sessions", {n: work(symbols[-1], n) for n in sessions}, repeats),
    ]


def fitted(name: str, works: Mapping[int, Work], repeats: int) -> Row:
    """A round through all sizes is a repeat, and the exponent that fits it best its figure."""
    for work in works.values():
        work()
    exponents = [exponent(list(works), [work() for work in works.values()]) for _ in range(repeats)]
    return Row.figure(name, exponents, "exponent", LINEAR)


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """The slope of the straight line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def indicators(symbols: int, sessions: int) -> Work:
    close = closes(symbols, sessions)
    return lambda: seconds(lambda: (rsi(close, 10), ema(close, 9), ema(close, 200)))


def analysis(symbols: int, sessions: int, *, warm: bool) -> Work:
    """Verdicts about everybody at the last close, from opening the store on; `warm` those of the last EVENINGS, each with what
    the one before kept: how many candidates an evening has, and so what it costs, is chance."""
    folder = home(symbols, sessions) / "market"
    days = [session.date for session in calendar().between(calendar().first, calendar().last)]
    stored = MemoryCache()

    def judge(session: int, cache: MemoryCache) -> None:
        store = Store(folder, calendar())
        asked = ScreenRequest(store.universe("all"), days[session], days[session + 1], None, Parameters())
        screen_alone(store, calendar(), cache, asked)

    def evenings() -> None:
        cache = MemoryCache(dict(stored.content))
        for session in range(first, sessions):
            judge(session, cache)

    first = sessions - (EVENINGS if warm else 1)
    if warm:
        judge(first - 1, stored)
    return lambda: seconds(evenings)


@dataclass(frozen=True)
class MemoryCache:
    """A cache in memory."""

    content: dict[str, bytes] = field(default_factory=dict)

    def get(self, name: str) -> bytes | None:
        return self.content.get(name)

    def put(self, name: str, content: bytes) -> None:
        self.content[name] = content

    def clear(self, prefix: str, keep: Container[str]) -> None:
        for name in [name for name in self.content if name.startswith(prefix) and name not in keep]:
            del self.content[name]

    def prune(self) -> None:
        """Do nothing: the cache lasts as long as a run."""


def backtests(symbols: int, sessions: int, settings: Sequence[Parameters]) -> Work:
    """All of them in one process, with tables that are made anew each time."""
    made = market_of(symbols, sessions)
    first, last = (date.fromordinal(int(made.days[row])) for row in (0, -1))

    def run() -> None:
        market = MarketTables(made.panel, made.listings, made.sessions)
        engine.closed_trades(market, settings, first=first, last=last, scored=True)

    return lambda: seconds(run)


def simulation(program: Program, sessions: int) -> Work:
    days = [day.date for day in calendar().run_between(calendar().first, calendar().last)][WARM_UP:]
    return lambda: program.seconds_a_session(days[0], days[sessions - 1]) * sessions
