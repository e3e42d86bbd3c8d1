"""Calculate moving statistics of a panel with the same bits as pandas: mean, deviation, highest, lowest, and whole windows.

A panel has the shape (bars, symbols): row i has the i-th bar of each symbol, and NaN after its last one. A mean and a deviation
follow the same sequence of operations as the compensated sums of `rolling` in pandas, one row after the other, for all symbols at
once. So each value depends only on its bar and on earlier bars, and a part of the bars gives the same bits as all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tradectl.model.history import Floats, Ints

Mask = NDArray[np.bool_]
Indicator = Callable[[Floats], Floats]
CANCELLED = float(np.finfo(np.float64).eps) * 1e3
"""A removed value that leaves less than this part of a sum of squares leaves mostly rounding errors."""


def shifted(values: Floats, bars: int) -> Floats:
    """Return the values of some bars earlier; NaN where there is none."""
    result = np.full(values.shape, np.nan)
    if bars < len(values):
        result[bars:] = values[: len(values) - bars]
    return result


def highest(values: Floats, window: int) -> Floats:
    """Return the highest of the last `window` values; NaN if one of them is unknown or does not exist."""
    return _extreme(values, window, np.maximum)


def lowest(values: Floats, window: int) -> Floats:
    """Return the lowest of the last `window` values; NaN if one of them is unknown or does not exist."""
    return _extreme(values, window, np.minimum)


def _extreme(values: Floats, window: int, choose: np.ufunc) -> Floats:
    """Return the extreme of each window. A window is the union of two windows whose length is a power of two."""
    result, length = values, 1
    while 2 * length <= window:
        result, length = choose(result, shifted(result, length)), 2 * length
    rest = window - length
    found: Floats = choose(result, shifted(result, rest)) if rest else result.copy()
    return found


def mean(values: Floats, window: int) -> Floats:
    """Return the moving mean, as `rolling(window).mean()` of pandas; NaN if one of the values is unknown or does not exist."""
    if window == 1:
        return values.copy()
    result = _sums(values, window) / window
    negative = _counts(np.signbit(values), window)
    result[(negative == 0) & (result < 0)] = 0.0
    result[(negative == window) & (result > 0)] = 0.0
    return np.where(_constant(values, window) & ~np.isnan(result), values, result)


def total(values: Floats, window: int) -> Floats:
    """Return the moving sum, as `rolling(window).sum()` of pandas; NaN if one of the values is unknown or does not exist."""
    if window == 1:
        return values.copy()
    result = _sums(values, window)
    return np.where(_constant(values, window) & ~np.isnan(result), values * window, result)


def _sums(values: Floats, window: int) -> Floats:
    """Return the compensated sums of all windows; NaN if one of the values is unknown or does not exist."""
    unknown = np.isnan(values)
    if values.shape[1] == 1:
        alone: Floats = np.array(_sums_of_one(values[:, 0].tolist(), window), dtype=np.float64)[:, None]
        alone[_counts(unknown, window) > 0] = np.nan
        return alone
    gaps = [bool(row.any()) for row in unknown]
    sums, negative, result = _Sums(values.shape[1]), -values, np.full(values.shape, np.nan)
    for i in range(len(values)):
        if i >= window:
            sums.add(negative[i - window], sums.removed, unknown[i - window] if gaps[i - window] else None)
        sums.add(values[i], sums.added, unknown[i] if gaps[i] else None)
        if i >= window - 1:
            result[i] = sums.held
    result[_counts(unknown, window) > 0] = np.nan
    return result


def _sums_of_one(values: list[float], window: int) -> list[float]:
    """Return the sums of one series, by the operations of `_Sums.add`. NaN until the window is full."""
    held = added = removed = 0.0
    found = []
    for i, value in enumerate(values):
        if i >= window and not math.isnan(gone := values[i - window]):
            part = -gone - removed
            following = held + part
            held, removed = following, following - held - part
        if not math.isnan(value):
            part = value - added
            following = held + part
            held, added = following, following - held - part
        found.append(held if i >= window - 1 else math.nan)
    return found


class _Sums:
    """Hold the compensated (Kahan) sum of each symbol, with one compensation for added and one for removed values."""

    def __init__(self, symbols: int) -> None:
        self.held, self.added, self.removed, self._part, self._following = (np.zeros(symbols) for _ in range(5))

    def add(self, value: Floats, compensation: Floats, unknown: Mask | None) -> None:
        """Add a row, and write the new compensation in place. Unknown values change nothing."""
        kept = None if unknown is None else (self.held.copy(), compensation.copy())
        np.subtract(value, compensation, out=self._part)
        np.add(self.held, self._part, out=self._following)
        np.subtract(self._following, self.held, out=compensation)
        np.subtract(compensation, self._part, out=compensation)
        self.held, self._following = self._following, self.held
        if unknown is not None and kept is not None:
            np.copyto(self.held, kept[0], where=unknown)
            np.copyto(compensation, kept[1], where=unknown)


def deviation(values: Floats, window: int) -> Floats:
    """Return the moving population deviation, as `rolling(window).std(ddof=0)` of pandas 3; NaN until the window is full.

    A symbol has no NaN before its last value. Where a removed value had nearly all of the variance, the window is computed anew.
    """
    n, symbols = values.shape
    if window == 1:
        return np.where(np.isnan(values), np.nan, 0.0)
    state = _Spread(*(np.zeros(symbols) for _ in range(3)))
    removed = np.zeros(symbols)
    result = np.full(values.shape, np.nan)
    for i in range(n):
        if i < window:
            state = state.with_value(values[i], i + 1, 1.0)
        else:
            before = state.squares
            less = replace(state, compensation=removed).with_value(values[i - window], window - 1, -1.0)
            removed = less.compensation
            state = replace(less, compensation=state.compensation).with_value(values[i], window, 1.0)
            lost = before * CANCELLED > less.squares
            if lost.any():
                state, removed = state.anew(values[i - window + 1 : i + 1], lost), np.where(lost, 0.0, removed)
        if i >= window - 1:
            result[i] = state.squares / window
    return np.sqrt(np.where(result < 0, 0.0, result))


class _Spread(Struct, frozen=True):
    """The state of Welford's method with compensation: the mean, the sum of squared differences, and the compensation."""

    centre: Floats
    squares: Floats
    compensation: Floats

    def with_value(self, value: Floats, count: int, sign: float) -> _Spread:
        """Return the state after a value is added (`sign` 1) or removed (-1). `count`: the number of values afterwards."""
        before = self.centre - self.compensation
        part = value - self.compensation
        delta = part - self.centre
        rest = delta + self.centre - part
        centre = self.centre + sign * (delta / count)
        return _Spread(centre, self.squares + sign * ((value - before) * (value - centre)), rest)

    def anew(self, rows: Floats, which: Mask) -> _Spread:
        """Return the state in which some symbols are computed only from the rows of the window."""
        fresh = _Spread(*(np.zeros(int(which.sum())) for _ in range(3)))
        for count, row in enumerate(rows[:, which], 1):
            fresh = fresh.with_value(row, count, 1.0)
        found = _Spread(self.centre.copy(), self.squares.copy(), self.compensation.copy())
        found.centre[which], found.squares[which], found.compensation[which] = fresh.centre, fresh.squares, fresh.compensation
        return found


def _counts(mask: Mask, window: int) -> Ints:
    """Return how many places of each window are True."""
    total = np.cumsum(mask, axis=0, dtype=np.int64)
    counts = total.copy()
    counts[window:] -= total[:-window]
    return counts


def _constant(values: Floats, window: int) -> Mask:
    """Return where all values of a full window are equal."""
    changed = np.ones(values.shape, dtype=np.bool_)
    changed[1:] = values[1:] != values[:-1]
    index = np.arange(len(values))[:, None]
    since = np.maximum.accumulate(np.where(changed, index, 0), axis=0)
    constant: Mask = index - since + 1 >= window
    return constant


def by_window(values: Floats, window: int, statistic: Indicator) -> Floats:
    """Return a statistic of each full window. `statistic`: takes windows shaped (n, window) and returns (n,) values.

    The windows of one symbol are contiguous, so that sums add in the same order as those of a single window.
    """
    result = np.full(values.shape, np.nan)
    if len(values) < window:
        return result
    for symbol in range(values.shape[1]):
        windows = np.ascontiguousarray(sliding_window_view(np.ascontiguousarray(values[:, symbol]), window))
        result[window - 1 :, symbol] = statistic(windows)
    return result


def without_holes(values: Floats, indicator: Indicator) -> Floats:
    """Return `indicator` of each symbol's known values, at their places; the other places are NaN."""
    unknown = np.isnan(values)
    if not (unknown[:-1] & ~unknown[1:]).any():
        return indicator(values)
    order = np.argsort(unknown, axis=0, kind="stable")
    found = indicator(np.take_along_axis(values, order, axis=0))
    result = np.empty(values.shape)
    np.put_along_axis(result, order, found, axis=0)
    return np.where(unknown, np.nan, result)
