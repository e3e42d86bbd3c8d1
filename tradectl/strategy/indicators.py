"""RSI and EMA exactly, bit for bit, as `ta` defines them, without pandas.

`ta` smooths with pandas' `ewm(adjust=False)`: y = x where x == y, else (1-a)*y + a*x, starting at the first value. pandas
derives `a` from a centre of mass, so the very same detour is taken here; 2/(n+1) may differ in the last bit. A hole (NaN)
is no bar: holes are dropped per symbol first, and stay NaN in the result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tradectl.model.history import Floats


def ema(close: Floats, span: int) -> Floats:
    """Exponential average of prices shaped (n,) or (sessions, symbols); NaN for the first span-1 values of a symbol."""
    alpha = 1.0 / (1.0 + (span - 1) / 2.0)
    return _by_symbol(close, lambda values: _smooth(values, alpha, span))


def rsi(close: Floats, period: int) -> Floats:
    """Wilder's RSI, 0 to 100, of prices shaped (n,) or (sessions, symbols); NaN for the first period-1 values of a symbol.
    Without any fall so far it is 100."""
    share = 1 / period
    alpha = 1.0 / (1.0 + (1 - share) / share)
    return _by_symbol(close, lambda values: _rsi(values, alpha, period))


def _by_symbol(close: Floats, indicator: Callable[[Floats], Floats]) -> Floats:
    """Apply `indicator` to each symbol's values without its holes."""
    if close.ndim == 2:
        return np.stack([_by_symbol(column, indicator) for column in close.T], axis=1) if close.size else close.copy()
    there = ~np.isnan(close)
    if there.all():
        return indicator(close)
    result = np.full(len(close), np.nan)
    result[there] = indicator(close[there])
    return result


def _smooth(values: Floats, alpha: float, least: int) -> Floats:
    """The recurrence. A list loop: each value needs the one before, and lists are the quickest thing to loop over."""
    if len(values) == 0:
        return np.empty(0)
    keep = 1.0 - alpha
    numbers = values.tolist()
    y = numbers[0]
    smoothed: list[float] = []
    append = smoothed.append
    for x in numbers:
        if x != y:
            y = keep * y + alpha * x
        append(y)
    result = np.array(smoothed)
    result[: least - 1] = np.nan
    return result


def _rsi(values: Floats, alpha: float, period: int) -> Floats:
    if len(values) == 0:
        return np.empty(0)
    change = np.diff(values, prepend=values[0])
    up = _smooth(np.where(change > 0, change, 0.0), alpha, period)
    down = _smooth(np.where(change < 0, -change, 0.0), alpha, period)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(down == 0, 100.0, 100 - (100 / (1 + up / down)))
