"""Measure how time grows with symbols and with sessions, as the exponent of a fitted power (1: twice the input, twice the time).

The start of a process is not measured. An exponent above 1.15 means that some work grows faster than its input. An exponent below
1 means that a fixed part of the time is visible.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.form import Result, Row, at_most
from benchmarks.market import calendar, closes, home
from benchmarks.simulate import ROOT, WARM_UP, Program, copy_of
from benchmarks.sweep import SETTINGS, market_of
from benchmarks.timing import seconds
from tests.support.report_content import content
from tradectl.marketdata.store import Store
from tradectl.report_page.page import render
from tradectl.research.vectorized import engine
from tradectl.research.vectorized.market import MarketTables
from tradectl.screener.screen import screen_alone
from tradectl.screener.verdicts import ScreenRequest
from tradectl.strategy.indicators import ema, rsi
from tradectl.strategy.parameters import Parameters

LINEAR = at_most(1.15)
SWEPT = SETTINGS[::8]
"""Settings of the sweep, in four groups with the same indicators."""
Work = Callable[[], float]
"""A function that does the work once and returns its seconds."""


def measure(quick: bool) -> Result:
    """Return a row of exponents for each kind of work."""
    symbols, sessions, repeats = ((20, 40, 80), (100, 200, 400), 2) if quick else ((500, 1000, 2000), (625, 1250, 2500), 3)
    spans, repeated = ((2, 4), 1) if quick else ((20, 40, 80), 2)
    few = tuple(count // 4 for count in symbols)
    rows = [
        *both_ways("indicators", indicators, symbols, sessions, repeats),
        *both_ways("analyze", analysis, symbols, sessions, repeats),
        *both_ways("backtest", lambda n, m: backtests(n, m, [Parameters()]), symbols, sessions, repeated),
        *both_ways("sweep", lambda n, m: backtests(n, m, SWEPT), few, sessions, repeated),
        fitted("page of a report, trades", {n: page(n) for n in ((50, 100) if quick else (1250, 2500, 5000))}, repeats),
    ]
    with tempfile.TemporaryDirectory() as name:
        here = Program(ROOT, copy_of(home(6 if quick else 50, WARM_UP + spans[-1] + 40), Path(name) / "home"))
        rows.append(fitted("simulate, sessions", {n: simulation(here, n) for n in spans}, repeated))
    return Result(f"{symbols} symbols ({few} swept), {sessions} sessions", tuple(rows))


def both_ways(
    name: str, work: Callable[[int, int], Work], symbols: Sequence[int], sessions: Sequence[int], repeats: int
) -> list[Row]:
    """Return two rows: growth with the symbols over all sessions, and growth with the sessions of all symbols."""
    return [
        fitted(f"{name}, symbols", {n: work(n, sessions[-1]) for n in symbols}, repeats),
        fitted(f"{name}, sessions", {n: work(symbols[-1], n) for n in sessions}, repeats),
    ]


def fitted(name: str, works: Mapping[int, Work], repeats: int) -> Row:
    """Return a row of exponents. Each repeat runs all sizes once and fits one exponent."""
    for work in works.values():
        work()
    exponents = [exponent(list(works), [work() for work in works.values()]) for _ in range(repeats)]
    return Row.figure(name, exponents, "exponent", LINEAR)


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """Return the slope of the line fitted to the logarithms of sizes and times."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def page(trades: int) -> Work:
    """Return the work of rendering the page of a report with a session for every four trades."""
    report = content(trades // 4, trades)
    return lambda: seconds(lambda: render(report))


def indicators(symbols: int, sessions: int) -> Work:
    """Return the work of computing RSI10, EMA9 and EMA200."""
    close = closes(symbols, sessions)
    return lambda: seconds(lambda: (rsi(close, 10), ema(close, 9), ema(close, 200)))


def analysis(symbols: int, sessions: int) -> Work:
    """Return the work of opening the store and computing the verdicts on all instruments at the last close."""
    folder = home(symbols, sessions) / "market"
    days = [session.date for session in calendar().between(calendar().first, calendar().last)]

    def evening() -> None:
        store = Store(folder, calendar())
        request = ScreenRequest(store.universe("all"), days[sessions - 1], days[sessions], None, Parameters())
        screen_alone(store, calendar(), request)

    return lambda: seconds(evening)


def backtests(symbols: int, sessions: int, settings: Sequence[Parameters]) -> Work:
    """Return the work of backtesting all settings in one process, with new tables each time."""
    made = market_of(symbols, sessions)
    first, last = (date.fromordinal(int(made.days[row])) for row in (0, -1))

    def run() -> None:
        market = MarketTables(made.panel, made.listings, made.sessions)
        engine.closed_trades(market, settings, first=first, last=last, scored=True)

    return lambda: seconds(run)


def simulation(program: Program, sessions: int) -> Work:
    """Return the work of simulating sessions with an installed program."""
    days = [day.date for day in calendar().run_between(calendar().first, calendar().last)][WARM_UP:]
    return lambda: program.seconds_a_session(days[0], days[sessions - 1]) * sessions
