"""RSI10, EMA9 and EMA200 of a whole panel and the average volume of 50 sessions, against `ta`, TA-Lib and a copy of the bytes.

`ta` is the definition: for every symbol our RSI and EMAs must equal its values to the last bit, or the run ends. TA-Lib starts
its averages in another way, so its first values differ. It is included only for its speed.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from benchmarks.form import Disagreement, Pair, Result, Row, at_least
from benchmarks.market import SEED, closes
from benchmarks.timing import in_turns
from tradectl.model.history import Floats
from tradectl.strategy.indicators import ema, rsi
from tradectl.strategy.smoothing import blocks

RSI, FAST, SLOW, AVERAGE = 10, 9, 200, 50


class Indicators(NamedTuple):
    """The four indicators: ours with shape (sessions, symbols), those of other libraries with shape (symbols, sessions)."""

    rsi: Floats
    fast: Floats
    slow: Floats
    volume: Floats


def measure(quick: bool) -> Result:
    """Compare the indicators with `ta`, TA-Lib and a copy of the bytes. Raises Disagreement."""
    symbols, sessions, repeats = (60, 400, 2) if quick else (2000, 2500, 5)
    close = closes(symbols, sessions)
    volume = np.random.default_rng(SEED).lognormal(12, 0.3, close.shape).round()
    columns = np.ascontiguousarray(close.T), np.ascontiguousarray(volume.T)  # the form for libraries that work by symbol
    agree(ours(close, volume), by_ta(*columns))

    def against(theirs: Callable[[], object], most: int = repeats) -> list[Pair]:
        return in_turns(lambda: ours(close, volume), theirs, most)

    rows = [Row.faster("ta, symbol by symbol", against(lambda: by_ta(*columns), min(repeats, 3)), at_least(10))]
    skipped = []
    if find_spec("talib"):
        rows.append(Row.faster("TA-Lib, symbol by symbol", against(lambda: by_talib(*columns))))
    else:
        skipped.append("TA-Lib is not installed")
    rows.append(Row.share("a copy of close and volume", against(lambda: (close.copy(), volume.copy()))))
    return Result(f"{symbols} symbols x {sessions} sessions", tuple(rows), tuple(skipped))


def ours(close: Floats, volume: Floats) -> Indicators:
    """Return the indicators as tradectl computes them."""
    return Indicators(rsi(close, RSI), ema(close, FAST), ema(close, SLOW), average(volume, AVERAGE))


def average(values: Floats, window: int) -> Floats:
    """Return the means of full windows, from running totals. Volumes are whole numbers, so the sums are exact."""
    sessions, symbols = values.shape
    result = np.empty(values.shape)
    result[: window - 1] = np.nan
    total = values[:window].sum(axis=0)
    np.divide(total, window, out=result[window - 1])
    for begin, end in blocks(sessions - window, symbols):
        totals = result[begin + window : end + window]
        np.subtract(values[begin + window : end + window], values[begin:end], out=totals)
        for row in totals:
            np.add(total, row, out=row)
            total = row
        total = total.copy()
        np.divide(totals, window, out=totals)
    return result


def by_ta(close: Floats, volume: Floats) -> Indicators:
    """Return the indicators as `ta` computes them, symbol by symbol."""
    import pandas as pd
    from ta.momentum import RSIIndicator
    from ta.trend import EMAIndicator, SMAIndicator

    found = Indicators(*(np.empty(close.shape) for _ in Indicators._fields))
    for k, (price, traded) in enumerate(zip(close, volume, strict=True)):
        series = pd.Series(price)
        found.rsi[k] = RSIIndicator(series, RSI).rsi()
        found.fast[k] = EMAIndicator(series, FAST).ema_indicator()
        found.slow[k] = EMAIndicator(series, SLOW).ema_indicator()
        found.volume[k] = SMAIndicator(pd.Series(traded), AVERAGE).sma_indicator()
    return found


def by_talib(close: Floats, volume: Floats) -> Indicators:
    """Return the indicators as TA-Lib computes them, symbol by symbol."""
    import talib

    found = Indicators(*(np.empty(close.shape) for _ in Indicators._fields))
    for k, (price, traded) in enumerate(zip(close, volume, strict=True)):
        found.rsi[k] = talib.RSI(price, RSI)
        found.fast[k] = talib.EMA(price, FAST)
        found.slow[k] = talib.EMA(price, SLOW)
        found.volume[k] = talib.SMA(traded, AVERAGE)
    return found


def agree(mine: Indicators, by_symbol: Indicators) -> None:
    """Raise Disagreement unless RSI and EMAs are equal to the last bit, and average volumes to one part in a billion."""
    theirs = Indicators(*(found.T for found in by_symbol))
    for name in ("rsi", "fast", "slow"):
        if not np.array_equal(getattr(mine, name), getattr(theirs, name), equal_nan=True):
            raise Disagreement(f"{name} differs from ta's")
    if not np.allclose(mine.volume, theirs.volume, rtol=1e-9, equal_nan=True):
        raise Disagreement("the average volume differs from ta's")
