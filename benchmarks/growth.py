"""How time grows with symbols and with sessions: the exponent of a fitted power, 1 where twice as much takes twice as long.

Only what is there in every case counts, so the start of a process is left out. Above 1.15 something grows faster than its input;
below 1 a fixed part is still seen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.form import Result, Row, at_most
from benchmarks.market import calendar, closes, home
from benchmarks.simulate import ROOT, WARM_UP, Program, copy_of
from benchmarks.timing import seconds
from tradectl.strategy.indicators import ema, rsi

LINEAR = at_most(1.15)
Work = Callable[[], float]
"""Does the work once; its seconds."""


def measure(quick: bool) -> Result:
    symbols, sessions, repeats = ((20, 40, 80), (100, 200, 400), 2) if quick else ((500, 1000, 2000), (625, 1250, 2500), 3)
    spans, repeated = ((2, 4), 1) if quick else ((20, 40, 80), 2)
    rows = [
        fitted("indicators, symbols", {n: indicators(n, sessions[-1]) for n in symbols}, repeats),
        fitted("indicators, sessions", {n: indicators(symbols[-1], n) for n in sessions}, repeats),
    ]
    with tempfile.TemporaryDirectory() as name:
        here = Program(ROOT, copy_of(home(6 if quick else 50, WARM_UP + spans[-1] + 40), Path(name) / "home"))
        rows.append(fitted("simulate, sessions", {n: simulation(here, n) for n in spans}, repeated))
    return Result(f"{symbols} symbols, {sessions} sessions", tuple(rows))


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


def simulation(program: Program, sessions: int) -> Work:
    days = [day.date for day in calendar().run_between(calendar().first, calendar().last)][WARM_UP:]
    return lambda: program.seconds_a_session(days[0], days[sessions - 1]) * sessions
