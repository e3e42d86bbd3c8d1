"""Calculate the indicators of the language with the same bits as the library `ta`, for all symbols of a panel at once.

Panels have the shape (bars, symbols), as in `moving`. A warm-up bar is NaN, also where `ta` writes 0 (ATR, ADX). An indicator of
one series skips its unknown values; a simple or weighted average is unknown if one of its n values is.
"""

from __future__ import annotations

import numpy as np

from tradectl.model.history import Floats
from tradectl.strategy import indicators
from tradectl.strategy.expressions.moving import by_window, deviation, highest, lowest, mean, shifted, total, without_holes

CCI_CONSTANT = 0.015


# --- of one series


def sma(x: Floats, n: int) -> Floats:
    """Return the simple moving average."""
    return mean(x, n)


def ema(x: Floats, n: int) -> Floats:
    """Return the exponential moving average."""
    return without_holes(x, lambda values: indicators.ema(values, n))


def wma(x: Floats, n: int) -> Floats:
    """Return the linearly weighted moving average."""
    weights = np.array([i * 2 / (n * (n + 1)) for i in range(1, n + 1)])
    return by_window(x, n, lambda windows: (weights * windows).sum(axis=1))


def rsi(x: Floats, n: int) -> Floats:
    """Return Wilder's relative strength index."""
    return without_holes(x, lambda values: indicators.rsi(values, n))


def roc(x: Floats, n: int) -> Floats:
    """Return the change over n bars in per cent."""
    before = shifted(x, n)
    return (x - before) / before * 100


def kama(x: Floats, n: int, fast: int, slow: int) -> Floats:
    """Return Kaufman's adaptive moving average.

    `ta` takes the change of the first bar from the last value of the series. That change leaves the sums before a value uses
    them, so it is 0 here, and no value depends on a later bar.
    """
    return without_holes(x, lambda values: _kama(values, n, fast, slow))


def _kama(values: Floats, n: int, fast: int, slow: int) -> Floats:
    change = np.abs(values - shifted(values, 1))
    change[:1] = 0.0
    way, path = np.abs(values - shifted(values, n)), total(change, n)
    ratio = np.where(path != 0, way / path, 0.0)
    share = (ratio * (2.0 / (fast + 1) - 2.0 / (slow + 1.0)) + 2 / (slow + 1.0)) ** 2.0
    result = np.full(values.shape, np.nan)
    if len(values) >= n:
        result[n - 1] = values[n - 1]
    for i in range(n, len(values)):
        result[i] = result[i - 1] + share[i] * (values[i] - result[i - 1])
    return result


def macd(x: Floats, fast: int, slow: int) -> Floats:
    """Return the fast EMA minus the slow EMA."""
    return ema(x, fast) - ema(x, slow)


def macd_signal(x: Floats, fast: int, slow: int, sign: int) -> Floats:
    """Return the EMA of the MACD."""
    return ema(macd(x, fast, slow), sign)


def macd_diff(x: Floats, fast: int, slow: int, sign: int) -> Floats:
    """Return the MACD minus its signal."""
    line = macd(x, fast, slow)
    return line - ema(line, sign)


def bollinger_mid(x: Floats, n: int, deviations: float) -> Floats:
    """Return the middle of the Bollinger bands, which does not depend on `deviations`."""
    del deviations
    return sma(x, n)


def bollinger_high(x: Floats, n: int, deviations: float) -> Floats:
    """Return the upper Bollinger band."""
    return sma(x, n) + deviations * _deviation(x, n)


def bollinger_low(x: Floats, n: int, deviations: float) -> Floats:
    """Return the lower Bollinger band."""
    return sma(x, n) - deviations * _deviation(x, n)


def _deviation(x: Floats, n: int) -> Floats:
    return without_holes(x, lambda values: deviation(values, n))


# --- of high, low and close


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the true range; on the first bar it is high - low."""
    before = shifted(close, 1)
    return np.fmax(np.fmax(high - low, np.abs(high - before)), np.abs(low - before))


def atr(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return Wilder's average true range."""
    ranges = true_range(high, low, close)
    result = np.full(close.shape, np.nan)
    if len(close) >= n:
        result[n - 1] = _mean_of(ranges[:n])
        _smooth(result, ranges, n, n)
    return result


def _smooth(result: Floats, values: Floats, n: int, begin: int) -> None:
    """Write Wilder's average of n `values` to the rows of `result` from `begin` on; the row before is there."""
    if result.shape[1] == 1:  # floats are faster than rows of one
        average, found = float(result[begin - 1, 0]), []
        for value in values[begin:, 0].tolist():
            average = (average * (n - 1) + value) / float(n)
            found.append(average)
        result[begin:, 0] = found
        return
    for i in range(begin, len(result)):
        result[i] = (result[i - 1] * (n - 1) + values[i]) / float(n)


def adx(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return the average directional index."""
    up, down = _directional(high, low, close, n)
    both = up + down
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(both != 0, 100 * np.abs((up - down) / both), 0.0)
    index[np.isnan(both)] = np.nan
    result = np.full(close.shape, np.nan)
    begin = 2 * n - 1
    if len(close) > begin:
        result[begin] = _mean_of(index[n : 2 * n])
        _smooth(result, index, n, begin + 1)
    return result


def adx_pos(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return the positive directional indicator."""
    return _after(_directional(high, low, close, n)[0], n)


def adx_neg(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return the negative directional indicator."""
    return _after(_directional(high, low, close, n)[1], n)


def _after(values: Floats, n: int) -> Floats:
    """Return the values from bar n + 1 on: `ta` has none before."""
    values[: n + 1] = np.nan
    return values


def _directional(high: Floats, low: Floats, close: Floats, n: int) -> tuple[Floats, Floats]:
    """Return both directional indicators, each on the bar whose prices it uses last; NaN before bar n."""
    before = shifted(close, 1)
    reach = np.maximum(high, before) - np.minimum(low, before)
    rise, fall = high - shifted(high, 1), shifted(low, 1) - low
    up = np.abs(((rise > fall) & (rise > 0)) * rise)
    down = np.abs(((fall > rise) & (fall > 0)) * fall)
    ranges, ups, downs = (_smoothed_sums(values, n) for values in (reach, up, down))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [np.where(ranges != 0, 100 * (part / ranges), 0.0) for part in (ups, downs)]
    for values in found:
        values[np.isnan(ranges)] = np.nan
    return found[0], found[1]


def _smoothed_sums(values: Floats, n: int) -> Floats:
    """Return Wilder's smoothed sums from bar n on. The first is the sum of the bars 1 to n."""
    result = np.full(values.shape, np.nan)
    if len(values) > n:
        result[n] = np.ascontiguousarray(values[1 : n + 1].T).sum(axis=1)
        for i in range(n + 1, len(values)):
            result[i] = result[i - 1] - (result[i - 1] / float(n)) + values[i]
    return result


def _mean_of(rows: Floats) -> Floats:
    """Return the mean of each symbol. The values of a symbol are contiguous, so that they add as those of one series."""
    found: Floats = np.ascontiguousarray(rows.T).mean(axis=1)
    return found


def cci(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return the commodity channel index."""
    typical = _typical(high, low, close)

    def spread(windows: Floats) -> Floats:
        found: Floats = np.abs(windows - windows.mean(axis=1)[:, None]).mean(axis=1)
        return found

    return (typical - mean(typical, n)) / (CCI_CONSTANT * by_window(typical, n, spread))


def _typical(high: Floats, low: Floats, close: Floats) -> Floats:
    return (high + low + close) / 3.0


def stoch(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return the stochastic oscillator %K."""
    least, most = lowest(low, n), highest(high, n)
    return 100 * (close - least) / (most - least)


def stoch_signal(high: Floats, low: Floats, close: Floats, n: int, smooth: int) -> Floats:
    """Return the moving average %D of the stochastic oscillator."""
    return sma(stoch(high, low, close, n), smooth)


def williams_r(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return Williams %R."""
    least, most = lowest(low, n), highest(high, n)
    return -100 * (most - close) / (most - least)


def donchian_high(high: Floats, n: int) -> Floats:
    """Return the upper Donchian band."""
    return highest(high, n)


def donchian_low(low: Floats, n: int) -> Floats:
    """Return the lower Donchian band."""
    return lowest(low, n)


def keltner_mid(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return the middle of the Keltner channel (original version)."""
    return mean(_typical(high, low, close), n)


def keltner_high(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return the upper band of the Keltner channel (original version)."""
    return mean((4 * high - 2 * low + close) / 3.0, n)


def keltner_low(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Return the lower band of the Keltner channel (original version)."""
    return mean((-2 * high + 4 * low + close) / 3.0, n)


def aroon_up(high: Floats, n: int) -> Floats:
    """Return how recent the highest high of the last n + 1 bars is, 0 to 100."""
    return by_window(high, n + 1, lambda windows: windows.argmax(axis=1) / n * 100)


def aroon_down(low: Floats, n: int) -> Floats:
    """Return how recent the lowest low of the last n + 1 bars is, 0 to 100."""
    return by_window(low, n + 1, lambda windows: windows.argmin(axis=1) / n * 100)


# --- with volume


def obv(close: Floats, volume: Floats) -> Floats:
    """Return the on-balance volume."""
    return np.cumsum(np.where(close < shifted(close, 1), -volume, volume), axis=0)


def mfi(high: Floats, low: Floats, close: Floats, volume: Floats, n: int) -> Floats:
    """Return the money flow index."""
    typical = _typical(high, low, close)
    before = shifted(typical, 1)
    flow = typical * volume * np.where(typical > before, 1, np.where(typical < before, -1, 0))
    gains = by_window(flow, n, lambda windows: np.where(windows >= 0.0, windows, 0.0).sum(axis=1))
    losses = np.abs(by_window(flow, n, lambda windows: np.where(windows < 0.0, windows, 0.0).sum(axis=1)))
    return 100 - 100 / (1 + gains / losses)
