"""Calculate the features that the rules use. Each value depends only on its bar and earlier bars.

Indicators use the series adjusted forward (price x M_t, volume / M_t), so a later corporate action never changes a row. Turnover
is money and needs no adjustment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
from msgspec import Struct
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tradectl.model.history import Floats, History, Ints
from tradectl.model.money import to_rupees
from tradectl.strategy.indicators import ema, rsi
from tradectl.strategy.parameters import Parameters, names

N = TypeVar("N", np.int64, np.float64)

INDICATOR_SETTINGS = ("rsi_period", "ema_fast", "ema_slow", "average_window", *(n for n in names() if n.startswith("quality_")))
"""The settings that change the features. All other settings change only the decisions."""
TREND_LOOKBACK = 20
"""The number of bars between the two values of the slow EMA that give the trend."""


@overload
def at_scale(adjusted: float, multiplier: float) -> float: ...
@overload
def at_scale(adjusted: Floats, multiplier: Floats) -> Floats: ...


def at_scale(adjusted: float | Floats, multiplier: float | Floats) -> float | Floats:
    """Return an adjusted value (rupees as traded x M) in rupees at the scale of a session. `multiplier`: M of that session.

    An indicator of an earlier bar must be converted in this way before it is compared with prices of the session.
    """
    return adjusted / multiplier


class Reading(Struct, frozen=True):
    """The features of one bar as plain numbers.

    `close` is in paise and `volume` in shares, both as traded. `*_adjusted` are rupees as traded x `multiplier`. Turnovers are in
    paise. Undefined values are NaN, undefined turnovers -1.
    """

    session: date
    series: str
    close: int
    volume: int
    multiplier: float
    close_adjusted: float
    rsi: float
    ema_fast_adjusted: float
    ema_slow_adjusted: float
    ema_slow_before_adjusted: float
    volume_ratio: float
    average_turnover: int
    median_turnover: int
    quality: float
    bars: int

    @property
    def ema_fast(self) -> float:
        """Return the fast EMA in rupees as traded on this session."""
        return self.ema_fast_at(self.multiplier)

    def ema_fast_at(self, multiplier: float) -> float:
        """Return the fast EMA in rupees at the scale of the session with this multiplier (`ema_level` of the rules)."""
        return at_scale(self.ema_fast_adjusted, multiplier)

    @property
    def ema_slow(self) -> float:
        """Return the slow EMA in rupees as traded on this session."""
        return at_scale(self.ema_slow_adjusted, self.multiplier)

    @property
    def above_slow(self) -> bool:
        """Return whether the close is above the slow EMA."""
        return self.close_adjusted > self.ema_slow_adjusted

    def inputs(self) -> dict[str, object]:
        """Return the inputs of a decision as JSON values: rupees as text, numbers rounded, None for undefined values."""

        def shown(value: float) -> float | None:
            return None if math.isnan(value) else round(value, 4)

        return {
            "session": self.session.isoformat(),
            "series": self.series,
            "close": to_rupees(self.close),
            "rsi": shown(self.rsi),
            "ema_fast": shown(self.ema_fast),
            "ema_slow": shown(self.ema_slow),
            "volume_ratio": shown(self.volume_ratio),
            "average_turnover": to_rupees(self.average_turnover) if self.average_turnover >= 0 else None,
            "median_turnover": to_rupees(self.median_turnover) if self.median_turnover >= 0 else None,
            "quality": shown(self.quality),
            "bars": self.bars,
            "multiplier": self.multiplier,
        }


@dataclass(frozen=True, eq=False)
class Features:
    """The features of a history, as columns with one value for each bar.

    `close` and the EMAs are in adjusted rupees. `volume_ratio` is volume / average volume. Turnovers are in paise, -1 while their
    window is not full. `quality` is 0 to 100. `bars` counts from 1. Other undefined values are NaN.
    """

    close: Floats
    rsi: Floats
    ema_fast: Floats
    ema_slow: Floats
    ema_slow_before: Floats
    volume_ratio: Floats
    average_turnover: Ints
    median_turnover: Ints
    quality: Floats
    bars: Ints

    def reading(self, history: History, i: int) -> Reading:
        """Return row `i` as plain numbers. `history`: the history from which these features were computed."""
        return Reading(
            session=history.session(i),
            series=str(history.series[i]),
            close=int(history.close[i]),
            volume=int(history.volume[i]),
            multiplier=float(history.multiplier[i]),
            close_adjusted=float(self.close[i]),
            rsi=float(self.rsi[i]),
            ema_fast_adjusted=float(self.ema_fast[i]),
            ema_slow_adjusted=float(self.ema_slow[i]),
            ema_slow_before_adjusted=float(self.ema_slow_before[i]),
            volume_ratio=float(self.volume_ratio[i]),
            average_turnover=int(self.average_turnover[i]),
            median_turnover=int(self.median_turnover[i]),
            quality=float(self.quality[i]),
            bars=int(self.bars[i]),
        )

    def take(self, rows: NDArray[Any] | slice) -> Features:
        """Return some rows, by indices, a slice or a mask."""
        return replace(self, **{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def and_then(self, more: Features) -> Features:
        """Return these rows followed by those of `more`."""
        return Features(*(np.append(getattr(self, item.name), getattr(more, item.name)) for item in fields(self)))


class Liquidity(NamedTuple):
    """Hold the features of some bars that the rules of the universe and the size of an order use, as in `Features`."""

    average_turnover: Ints
    median_turnover: Ints
    bars: Ints


def liquidity(history: History, rows: Ints, parameters: Parameters) -> Liquidity:
    """Return the liquidity of some bars (indices): the same values as `features`, without the other features."""
    window = parameters.average_window
    full = rows >= window - 1
    last = rows[full]
    turnover = history.close * history.volume
    windows = sliding_window_view(turnover, window)[last - (window - 1)] if len(last) else np.empty((0, window), dtype=np.int64)
    average, median = np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), -1, dtype=np.int64)
    average[full], median[full] = windows.sum(axis=1) // window, _middle(windows)
    return Liquidity(average, median, rows + 1)


def features(history: History, parameters: Parameters) -> Features:
    """Return the features of a history."""
    n, window = len(history), parameters.average_window
    close = history.close / 100 * history.multiplier
    slow = ema(close, parameters.ema_slow)
    before = np.full(n, np.nan)
    before[TREND_LOOKBACK:] = slow[:-TREND_LOOKBACK]
    turnover = history.close * history.volume
    return Features(
        close=close,
        rsi=rsi(close, parameters.rsi_period),
        ema_fast=ema(close, parameters.ema_fast),
        ema_slow=slow,
        ema_slow_before=before,
        volume_ratio=_ratio_to_average(history.volume / history.multiplier, window),
        average_turnover=average_turnover(history, parameters),
        median_turnover=_padded(_medians(turnover, window), n, -1),
        quality=chart_quality(history, parameters),
        bars=np.arange(1, n + 1, dtype=np.int64),
    )


def average_turnover(history: History, parameters: Parameters) -> Ints:
    """Return the average turnover of each bar in paise; -1 until the window is full."""
    window = parameters.average_window
    return _padded(_sums(history.close * history.volume, window) // window, len(history), -1)


def chart_quality(history: History, parameters: Parameters) -> Floats:
    """Return the chart quality, 0 to 100, of each bar of the adjusted series; NaN until both windows are full.

    The price range is (highest high - lowest low) / lowest low. For extreme candles, the mean range is a price over the window of
    candles.
    """
    p, n = parameters, len(history)
    if n < max(p.quality_window, p.quality_candle_window):
        return np.full(n, np.nan)
    opened, high = history.open * history.multiplier, history.high * history.multiplier
    low, close = history.low * history.multiplier, history.close * history.multiplier
    gap = np.zeros(n, dtype=np.int64)
    gap[1:] = (low[1:] > high[:-1]) | (high[1:] < low[:-1])
    gaps = _padded(_sums(gap, p.quality_window) / p.quality_window, n, np.nan)
    mean_range = _padded(_sums((high - low) / close, p.quality_window) / p.quality_window, n, np.nan)
    highest, lowest = _extremes(high, p.quality_window, np.maximum), _extremes(low, p.quality_window, np.minimum)
    price_range = _padded(highest / lowest - 1, n, np.nan)
    extreme = _padded(_extreme_share(opened, close, high - low, p), n, np.nan)
    points = quality_points(gaps, mean_range, price_range, extreme, p)
    points[np.isnan(gaps) | np.isnan(extreme)] = np.nan
    return points


def quality_points(gaps: Floats, mean_range: Floats, price_range: Floats, extreme: Floats, p: Parameters) -> Floats:
    """Return the points of chart quality.

    Args:
        gaps: The share of days with a full gap.
        mean_range: The mean daily range as a share of the close.
        price_range: The range of prices as a share of the lowest price.
        extreme: The share of extreme candles.
    """
    flat = (mean_range < p.quality_range_flat) & (price_range < p.quality_price_range)
    points: Floats = (
        100.0
        - np.where(gaps > p.quality_gaps_many, 30, np.where(gaps > p.quality_gaps_some, 15, 0))
        - np.where(flat, 25, np.where(mean_range < p.quality_range_small, 10, 0))
        - np.where(extreme > p.quality_candles_many, 25, np.where(extreme > p.quality_candles_some, 15, 0))
    )
    return points


def _extreme_share(opened: Floats, close: Floats, spread: Floats, p: Parameters) -> Floats:
    """Return the share of extreme candles in each full window.

    A candle is extreme if its body exceeds a multiple of the window's mean range, or a share of its open.
    """
    window = p.quality_candle_window
    body = np.abs(close - opened)
    large = sliding_window_view(body > p.quality_candle_body * opened, window)
    limit = p.quality_candle_multiple * (_sums(spread, window) / window)
    tall = sliding_window_view(body, window) > limit[:, None]
    share: Floats = (large | tall).sum(axis=1) / window
    return share


def _extremes(values: Floats, window: int, larger: np.ufunc) -> Floats:
    """Return the extreme of each full window: np.maximum or np.minimum. Each step joins windows of half the width."""
    found, width = values, 1
    while width < window:
        step = min(width, window - width)
        found, width = larger(found[:-step], found[step:]), width + step
    return found


def _ratio_to_average(values: Floats, window: int) -> Floats:
    average = _padded(_sums(values, window) / window, len(values), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = values / average
    return ratio


def _sums(values: NDArray[N], window: int) -> NDArray[N]:
    """Return the sums of all full windows, from running totals. More bars at the end never change an earlier sum."""
    total = np.cumsum(values)
    sums = total[window - 1 :].copy()
    sums[1:] -= total[:-window]
    return sums


def _medians(values: Ints, window: int) -> Ints:
    """Return the medians of all full windows. For an even window it is the mean of the middle two, rounded down."""
    if len(values) < window:
        return np.empty(0, dtype=np.int64)
    return _middle(sliding_window_view(values, window))


def _middle(windows: Ints) -> Ints:
    """Return the median of each row."""
    high = windows.shape[1] // 2
    low = high - 1 if windows.shape[1] % 2 == 0 else high
    ordered = np.sort(windows, axis=1)  # three times as quick as np.partition
    found: Ints = (ordered[:, low] + ordered[:, high]) // 2
    return found


def _padded(tail: NDArray[N], n: int, fill: float) -> NDArray[N]:
    """Return `n` values: `tail`, preceded by `fill`."""
    result = np.full(n, fill, dtype=tail.dtype)
    if len(tail):
        result[n - len(tail) :] = tail
    return result
